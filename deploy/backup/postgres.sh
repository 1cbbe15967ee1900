#!/usr/bin/env bash
# Backs up Kayan's database on PostgreSQL into a file that pg_restore reads; meant for cron or a timer.
#
# The address comes from libpq's variables: PGHOST, PGPORT, PGUSER, PGDATABASE. The password belongs in
# ~/.pgpass (mode 0600) or a client certificate, never on a command line. The user must be able to read every
# table: Kayan's own can.
#
#   BACKUP_DIR   where backups are kept           /var/backups/kayan
#   KEEP_DAYS    older ones are removed           14
#
# A second backup on the same day replaces the first. Copy the files in BACKUP_DIR to another machine: a backup on the
# machine of its database is lost with it.
#
# `kayan backup` needs no other program, encrypts, and can be restored into another kind of database; this is faster with a
# large database.
#
# To restore, into an empty database and with the service stopped:
#
#   createdb -h localhost -U kayan kayan
#   pg_restore -h localhost -U kayan -d kayan kayan_20240118.dump
#   kayan migrate status && kayan audit verify --database
#
# If only a part can be saved (`pg_restore --list`, then `--use-list`), the order of importance is: identities (with
# tenants and identifiers), credentials, sessions (users can log in again), audit_events (for the record; its partitions hold
# the rows).
#
# The dump does not contain KAYAN_DATA_KEY and KAYAN_SESSION_SECRET. Without the one that wraps the data key, the service
# can't open the sealed keys in the database and does not start. Store them separately. A restore reopens the sessions of
# users who logged out or were locked after the backup: run `kayan admin sessions revoke-all`.
#
# To lose minutes instead of a day, archive the write-ahead log as well, in postgresql.conf:
#
#   archive_mode = on
#   archive_command = 'test ! -f /backup/wal/%f && cp %p /backup/wal/%f'
#
# start with `pg_basebackup`, and restore up to a time with `restore_command` and
#
#   recovery_target_time = '2024-01-18 10:00:00'
set -euo pipefail
umask 077

export PGHOST="${PGHOST:-localhost}" PGUSER="${PGUSER:-kayan}" PGDATABASE="${PGDATABASE:-kayan}"
folder="${BACKUP_DIR:-/var/backups/kayan}"
keep="${KEEP_DAYS:-14}"

mkdir -p "$folder"
backup="$folder/kayan_$(date +%Y%m%d).dump"
unfinished="$(mktemp "$backup.XXXXXX")"
trap 'rm -f "$unfinished"' EXIT

pg_dump --no-password --format=custom --file="$unfinished"

# Reads all of it back, every compressed block, to verify it.
pg_restore --file=/dev/null "$unfinished"
contents="$(pg_restore --list "$unfinished")"
for table in identities credentials sessions audit_events_default data_keys; do
  if ! grep --quiet "TABLE DATA [^ ]* $table " <<< "$contents"; then
    echo "$PGDATABASE at $PGHOST holds no table $table: is it Kayan's?" >&2
    exit 1
  fi
done

sync "$unfinished"
mv "$unfinished" "$backup"
# Only after a successful backup: an old one is better than none.
find "$folder" -maxdepth 1 -name 'kayan_*.dump' -type f -mtime "+$keep" -delete
echo "$backup ($(du --human-readable "$backup" | cut --fields=1))"
