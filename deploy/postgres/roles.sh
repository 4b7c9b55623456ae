#!/bin/sh
# Makes the three services' databases and roles; the PostgreSQL image runs it when its volume is new.
# Passwords come from the same secret files that the services read, so each is written down once.
set -eu

secrets=${TIZILIM_SECRETS:-/run/secrets}
sql=${TIZILIM_ROLES_SQL:-/etc/tizilim/roles.sql}

for service in register verification notifications; do
  psql --quiet --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres <<END
\\set service $service
\\set owner_password \`sed 's|^[^:]*://[^:]*:\\([^@]*\\)@.*|\\1|' '$secrets/${service}_owner_database_url'\`
\\set application_password \`sed 's|^[^:]*://[^:]*:\\([^@]*\\)@.*|\\1|' '$secrets/${service}_application_database_url'\`
\\i $sql
END
done
