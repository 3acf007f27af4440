-- How far the relay has told Temporal, and of whom: moved together, after the telling.
CREATE TABLE relay (
    position bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO relay VALUES (0);

-- Whom Temporal must know: every matter whose workflow has not been seen to be over.
CREATE TABLE open_matters (
    matter_id uuid PRIMARY KEY,
    position bigint NOT NULL, -- of its last event that was told
    ended boolean NOT NULL
) WITH (fillfactor = 50);
