-- Who wants to be written to of a public petition, without having signed it. The digest is made of petition and address,
-- so that a row has nothing in common with the same person's row of another petition.
CREATE TABLE followers (
    petition_id uuid,
    follower text,
    after bigint NOT NULL, -- nothing that had happened by then is told
    sealed bytea NOT NULL, -- address and language
    PRIMARY KEY (petition_id, follower)
);
