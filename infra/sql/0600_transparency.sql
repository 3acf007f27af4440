-- The transparency log over the event log: hashes and signatures, nothing of the events themselves. All of it can be
-- made again from the log but the checkpoints, which are also published outside of this database.

-- Whose signature counts: public keys, the newest last. ``since`` is the first size that it signed; null: not yet.
CREATE TABLE log_keys (
    n int PRIMARY KEY,
    verifier text NOT NULL, -- of a signed note: name+hash+key; the name is that of the log
    since bigint
);

-- C2SP tlog-tiles of height 8. The last tile of a level grows until it holds 256 hashes.
CREATE TABLE log_tiles (
    level int NOT NULL,
    n bigint NOT NULL,
    hashes bytea NOT NULL,
    position bigint, -- of the first event under a tile of level 0
    PRIMARY KEY (level, n)
);
CREATE INDEX log_tiles_position_idx ON log_tiles (position) WHERE level = 0;

-- One row: how far the log is in the tiles, and why it cannot go on, if it cannot.
CREATE TABLE log_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0,
    published bigint NOT NULL DEFAULT 0, -- the largest checkpoint that stands outside
    error text
);
INSERT INTO log_progress DEFAULT VALUES;

CREATE TABLE log_checkpoints (
    size bigint PRIMARY KEY,
    position bigint NOT NULL, -- of the last event under it
    note text NOT NULL,
    made_at timestamptz NOT NULL
);
