#!/bin/sh
# Before a replica's server starts: lays out its data as a copy of the primary's, where there are none,
# and writes what the server does at each start: follow the primary. Passwords must need no escape.
set -eu

data=/var/lib/mysql/data
host=mysql
export MYSQL_PWD="$MYSQL_ROOT_PASSWORD"

cat >/var/run/mysqld/follow.sql <<SQL
CHANGE REPLICATION SOURCE TO SOURCE_HOST = '$host', SOURCE_USER = 'replica', SOURCE_PASSWORD = '$REPLICATION_PASSWORD', SOURCE_SSL = 1, SOURCE_AUTO_POSITION = 1;
START REPLICA;
SQL

if [ -d $data ]; then exit; fi

mysql --host=$host --user=root <<SQL
CREATE USER IF NOT EXISTS 'replica'@'%';
ALTER USER 'replica'@'%' IDENTIFIED BY '$REPLICATION_PASSWORD';
GRANT REPLICATION SLAVE, BACKUP_ADMIN ON *.* TO 'replica'@'%';
SQL

# The clone plugin of a running server copies from another one, with users and the position to go on
# from. It wants a folder that is not there: what a kill has left half done is begun anew.
rm -rf $data.helper $data.part
set -- --no-defaults --datadir=$data.helper --character-set-server=utf8mb4 --collation-server=utf8mb4_unicode_ci
mysqld "$@" --initialize-insecure
mysqld "$@" --skip-networking --mysqlx=OFF --socket=/tmp/helper.sock --plugin-load-add=mysql_clone.so &
helper=$!
unset MYSQL_PWD
until mysql --no-defaults --socket=/tmp/helper.sock --user=root --execute='SELECT 1' >/dev/null 2>&1; do
  kill -0 $helper
  sleep 1
done
mysql --no-defaults --socket=/tmp/helper.sock --user=root <<SQL
SET GLOBAL clone_valid_donor_list = '$host:3306';
CLONE INSTANCE FROM 'replica'@'$host':3306 IDENTIFIED BY '$REPLICATION_PASSWORD' DATA DIRECTORY = '$data.part';
SHUTDOWN;
SQL
wait $helper
rm -rf $data.helper
mv $data.part $data
