-- The log. The layout, options and index are those of the eventsourcing library's PostgresApplicationRecorder, so that
-- the library can read it and write to it; recorded_at and command_id are ours.
CREATE TABLE stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    notification_id bigserial,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    command_id uuid, -- on the first event of a command only
    PRIMARY KEY (originator_id, originator_version)
) WITH (
    autovacuum_enabled = true,
    autovacuum_vacuum_threshold = 100000000,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.01
);
CREATE UNIQUE INDEX stored_events_notification_id_idx ON stored_events (notification_id ASC);
CREATE UNIQUE INDEX stored_events_command_id_idx ON stored_events (command_id) WHERE command_id IS NOT NULL;

-- Accepted commands, also those that decided to do nothing. A retry gets the answer of the first time:
-- the aggregate as it was at this version.
CREATE TABLE commands (
    command_id uuid PRIMARY KEY,
    digest bytea, -- of the request's body; the same id with another body is refused
    originator_id uuid NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The library's layout. Only a shortcut: may be emptied at any time.
CREATE TABLE snapshots (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    PRIMARY KEY (originator_id, originator_version)
);
