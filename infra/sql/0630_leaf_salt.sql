-- What nobody can guess in an event, so that its hash says nothing: most of what the district's own rules decide is told
-- in histories to the microsecond, and its version, which counts signatures, could be found by trying.
ALTER TABLE stored_events ADD COLUMN salt uuid NOT NULL DEFAULT gen_random_uuid();
