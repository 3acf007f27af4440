-- Which member of staff is which resident, as they have shown themselves by both of their tokens: keyed digests alone.
CREATE TABLE staff_persons (
    staff_digest bytea PRIMARY KEY,
    person_digest bytea NOT NULL -- as in people_keys: once that key is gone, nothing is found by it
);
