#!/usr/bin/env bash
# Backs up Kayan's SQLite file while the service runs; meant for cron or a timer, as the user that the service runs as.
#
#   DATABASE_FILE   the file                       /var/lib/kayan/kayan.db
#   BACKUP_DIR      where backups are kept         /var/backups/kayan
#   KEEP_DAYS       older ones are removed         14
#
# Never copy the file itself: the latest writes are in kayan.db-wal beside it, and a copy of the two is inconsistent.
#
# A second backup on the same day replaces the first. Copy the files in BACKUP_DIR to another machine: a backup on the
# machine of its database is lost with it.
#
# `kayan backup` needs no other program, encrypts, and can be restored into another kind of database; this is faster with a
# large database.
#
# To restore, with the service stopped:
#
#   rm -f /var/lib/kayan/kayan.db /var/lib/kayan/kayan.db-wal /var/lib/kayan/kayan.db-shm
#   install -m 0600 -o kayan -g kayan kayan_20240118.db /var/lib/kayan/kayan.db
#   kayan migrate status && kayan audit verify --database
#
# The backup does not contain KAYAN_DATA_KEY and KAYAN_SESSION_SECRET, in development kayan.secrets. Without the one that
# wraps the data key, the service can't open the sealed keys in the database and does not start. Store them separately. A
# restore reopens the sessions of users who logged out or were locked after the backup: run `kayan admin sessions revoke-all`.
set -euo pipefail
umask 077

database="${DATABASE_FILE:-/var/lib/kayan/kayan.db}"
folder="${BACKUP_DIR:-/var/backups/kayan}"
keep="${KEEP_DAYS:-14}"

# sqlite3 would create a new, empty file.
if [[ ! -f $database ]]; then
  echo "there is no $database; say where it is with DATABASE_FILE" >&2
  exit 1
fi

mkdir -p "$folder"
backup="$folder/kayan_$(date +%Y%m%d).db"
place="$(mktemp --directory "$backup.XXXXXX")"
trap 'rm -rf "$place"' EXIT
unfinished="$place/kayan.db"

# Writes a consistent snapshot without free pages; writers don't wait.
sqlite3 -cmd '.timeout 10000' "$database" "VACUUM INTO '${unfinished//\'/\'\'}'"

# Reads all of it back, to verify it.
found="$(sqlite3 "$unfinished" 'PRAGMA integrity_check')"
if [[ $found != ok ]]; then
  echo "the backup of $database is damaged: $found" >&2
  exit 1
fi
for table in identities credentials sessions audit_events data_keys; do
  if ! sqlite3 "$unfinished" "SELECT COUNT(*) FROM $table" > /dev/null; then
    echo "$database holds no table $table: is it Kayan's?" >&2
    exit 1
  fi
done

sync "$unfinished"
mv "$unfinished" "$backup"
# Only after a successful backup: an old one is better than none.
find "$folder" -maxdepth 1 -name 'kayan_*.db' -type f -mtime "+$keep" -delete
echo "$backup ($(du --human-readable "$backup" | cut --fields=1))"
