# Sourced by the image's entry point, once, when the data are laid out. docker_process_sql is the image's.
docker_process_sql <<SQL
CREATE USER 'exporter'@'127.0.0.1' IDENTIFIED BY '${EXPORTER_PASSWORD}' WITH MAX_USER_CONNECTIONS 3;
GRANT PROCESS, REPLICATION CLIENT, SELECT ON *.* TO 'exporter'@'127.0.0.1';
SQL
