-- One service's database and its two roles. Run by a superuser, once, with the variables
-- service, owner_password and application_password.
--
--   <service>_owner        owns database, schema and tables; migrates and rebuilds
--   <service>_application  serves: reads and writes rows, makes nothing, owns nothing
\set ON_ERROR_STOP on
\set owner :service _owner
\set application :service _application

CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"application" LOGIN PASSWORD :'application_password';

CREATE DATABASE :"service" OWNER :"owner";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"application";
ALTER ROLE :"owner" IN DATABASE :"service" SET search_path = :"service";
ALTER ROLE :"application" IN DATABASE :"service" SET search_path = :"service";

\connect :"service"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA :"service" AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA :"service" TO :"application";

-- Also for what a rebuild makes beside the live schema. privileges.sql then takes away what may only grow.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE ON SCHEMAS TO :"application";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"application";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE, SELECT ON SEQUENCES TO :"application";
