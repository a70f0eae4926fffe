-- Gives the role app the password in the credential. The server must not log it.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\set password `cat "$CREDENTIALS_DIRECTORY/app-password"`

SELECT 'CREATE ROLE app LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
ALTER ROLE app PASSWORD :'password';
SELECT 'CREATE DATABASE app OWNER app' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec
