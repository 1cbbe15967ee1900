#!/usr/bin/env bash
# Backs up Kayan's database on MySQL or MariaDB into a compressed file of SQL; meant for cron or a timer.
#
# Where the database is and how to log in, an option file says, with mode 0600; a password never belongs into a command line:
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
# A second backup on the same day takes the place of the first. Copy what lies in BACKUP_DIR to another machine: a backup
# beside its database is lost with it.
#
# `kayan backup` needs no other program, encrypts, and goes into another kind of database as well; this is quicker with a large one.
#
# To restore, into an empty database and with the service stopped:
#
#   mysql --execute 'CREATE DATABASE kayan CHARACTER SET utf8mb4'
#   gunzip --stdout kayan_20240118.sql.gz | mysql kayan
#   kayan migrate status && kayan audit verify --database
#
# If only a part can be saved, this is the order of their worth: identities (with tenants and identifiers), credentials,
# sessions (people can log in anew), audit_events (for the record).
#
# What the dump does not hold: KAYAN_DATA_KEY and KAYAN_SESSION_SECRET. Without the one that wraps the data key, the service
# can't open what is sealed in the database and does not start. Keep them elsewhere. People who logged out or were locked
# after the backup are in again after a restore: `kayan admin sessions revoke-all` ends every session.
#
# To lose minutes instead of a day, keep the binary log as well (`log_bin`) and play it back with mysqlbinlog
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

# One transaction sees all tables as they were at one moment, and keeps nobody from writing. The times in it are UTC either
# way.
"$dump" --defaults-extra-file="$options" --single-transaction --quick --hex-blob --no-tablespaces \
  --default-character-set=utf8mb4 "$database" | gzip > "$unfinished"

# Reads all of it back; the last line is there only when the dump came to its end.
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
# Only after a good one: an old backup is better than none.
find "$folder" -maxdepth 1 -name 'kayan_*.sql.gz' -type f -mtime "+$keep" -delete
echo "$backup ($(du --human-readable "$backup" | cut --fields=1))"
