-- After each migration, as the owner: what may only grow, the application may only read and add to.
-- A table is append-only when it has a trigger whose name ends in append_only; the trigger refuses
-- everyone, and without the right the application cannot even try.
\set ON_ERROR_STOP on

DO $$
DECLARE
    application constant text := current_database() || '_application';
    append_only regclass;
    found_any boolean := false;
BEGIN
    FOR append_only IN
        SELECT DISTINCT tgrelid::regclass
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        WHERE tgname LIKE '%append\_only' AND relnamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %I', append_only, application);
        found_any := true;
    END LOOP;
    IF to_regclass('messages') IS NOT NULL THEN
        -- A message stays as it was put; only the account it stands in may go on under another number.
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON messages FROM %I', application);
        EXECUTE format('GRANT UPDATE (recipient) ON messages TO %I', application);
    END IF;
    IF current_database() IN ('register', 'verification') AND NOT found_any THEN
        RAISE EXCEPTION 'no append-only table in %: is it migrated?', current_database();
    END IF;
    IF to_regclass('alembic_version') IS NOT NULL THEN
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM %I', application);
    END IF;
END $$;
