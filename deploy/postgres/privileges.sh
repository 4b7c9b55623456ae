#!/bin/sh
# Runs privileges.sql in each service's database as its owner, after the migrations.
set -eu

secrets=${TIZILIM_SECRETS:-/run/secrets}
sql=${TIZILIM_PRIVILEGES_SQL:-/etc/tizilim/privileges.sql}

for service in register verification notifications; do
  url=$(sed 's|^postgresql+psycopg://|postgresql://|' "$secrets/${service}_owner_database_url")
  psql --quiet --no-psqlrc --file "$sql" "$url"
done
