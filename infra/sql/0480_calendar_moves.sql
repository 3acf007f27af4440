-- How far running clocks have been moved after the calendar was changed. Begun again from the first where it was cut short.
CREATE TABLE calendar_moves (
    revision int PRIMARY KEY, -- of the calendar
    clocks_of int NOT NULL, -- petitions, tasks and so on of matters that were open
    looked_at int NOT NULL DEFAULT 0,
    moved int NOT NULL DEFAULT 0,
    waiting int NOT NULL DEFAULT 0, -- for a year of which nothing is known yet
    began_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
) WITH (fillfactor = 50);
