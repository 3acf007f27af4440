-- Which secrets the database was written with: a digest of each file of the keys folder, which tells nothing of it.
CREATE TABLE secrets (
    name text PRIMARY KEY,
    digest bytea NOT NULL
);
