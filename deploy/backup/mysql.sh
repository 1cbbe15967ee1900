#!/usr/bin/env bash
# Backs up Kayan's database on MySQL or MariaDB into a compressed file of SQL; meant for cron or a timer.
#
# The address and the password come from an option file with mode 0600; never put a password on a command line:
#
#   [client]
#   host=localhost
#   user=kayan
#   password=…
#
#   MYSQL_OPTIONS    the option file                ~/.my.cnf
#   MYSQL_DATABASE   the database                   kayan
#   BACKUP_DIR       where backups are kept         /var/backups/kayan
#   KEEP_DAYS        older ones are removed         14
#
# A second backup on the same day replaces the first. Copy the files in BACKUP_DIR to another machine: a backup on the
# machine of its database is lost with it.
#
# `kayan backup` needs no other program, encrypts, and can be restored into another kind of database; this is faster with a
# large database.
#
# To restore, into an empty database and with the service stopped:
#
#   mysql --execute 'CREATE DATABASE kayan CHARACTER SET utf8mb4'
#   gunzip --stdout kayan_20240118.sql.gz | mysql kayan
#   kayan migrate status && kayan audit verify --database
#
# If only a part can be saved, the order of importance is: identities (with tenants and identifiers), credentials,
# sessions (users can log in again), audit_events (for the record).
#
# The dump does not contain KAYAN_DATA_KEY and KAYAN_SESSION_SECRET. Without the one that wraps the data key, the service
# can't open the sealed keys in the database and does not start. Store them separately. A restore reopens the sessions of
# users who logged out or were locked after the backup: run `kayan admin sessions revoke-all`.
#
# To lose minutes instead of a day, keep the binary log as well (`log_bin`) and replay it with mysqlbinlog
# --stop-datetime.
set -euo pipefail
umask 077

options="${MYSQL_OPTIONS:-$HOME/.my.cnf}"
database="${MYSQL_DATABASE:-kayan}"
folder="${BACKUP_DIR:-/var/backups/kayan}"
keep="${KEEP_DAYS:-14}"

dump=mysqldump
if command -v mariadb-dump > /dev/null; then dump=mariadb-dump; fi

mkdir -p "$folder"
backup="$folder/kayan_$(date +%Y%m%d).sql.gz"
unfinished="$(mktemp "$backup.XXXXXX")"
trap 'rm -f "$unfinished"' EXIT

# One transaction sees a consistent snapshot of all tables and blocks no writes. Times are in UTC either way.
"$dump" --defaults-extra-file="$options" --single-transaction --quick --hex-blob --no-tablespaces \
  --default-character-set=utf8mb4 "$database" | gzip > "$unfinished"

# Reads all of it back; the last line is there only if the dump is complete.
last="$(gunzip --stdout "$unfinished" | tail --lines=1)"
if [[ $last != '-- Dump completed'* ]]; then
  echo "the dump of $database is cut off; it ends with: $last" >&2
  exit 1
fi
tables="$(gunzip --stdout "$unfinished" | grep '^CREATE TABLE')"
for table in identities credentials sessions audit_events data_keys; do
  if ! grep --quiet --fixed-strings "\`$table\`" <<< "$tables"; then
    echo "$database holds no table $table: is it Kayan's?" >&2
    exit 1
  fi
done

sync "$unfinished"
mv "$unfinished" "$backup"
# Only after a successful backup: an old one is better than none.
find "$folder" -maxdepth 1 -name 'kayan_*.sql.gz' -type f -mtime "+$keep" -delete
echo "$backup ($(du --human-readable "$backup" | cut --fields=1))"
