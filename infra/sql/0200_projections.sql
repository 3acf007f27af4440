-- How far each read model has read the log. A row "NAME_next" is one that is being built beside the one in service.
-- The tables of a read model are in a schema of its name, and belong to it alone: see projections/.
CREATE TABLE projections (
    name text PRIMARY KEY,
    version int NOT NULL, -- of the read model's tables and handlers
    position bigint NOT NULL DEFAULT 0, -- everything up to here is in it
    error text, -- why it stands still
    error_position bigint
) WITH (fillfactor = 50); -- the same few rows change all the time
