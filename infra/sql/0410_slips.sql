-- The slips of paper signatures, beside their files. No person: the signer is the pseudonym of this petition.
CREATE TABLE slips (
    matter_id uuid,
    paper bytea, -- keyed digest of the slip itself
    intake_id uuid NOT NULL,
    signer text NOT NULL,
    digest text NOT NULL, -- of the file, which is sealed: as in the log
    PRIMARY KEY (matter_id, paper)
);
CREATE INDEX slips_signer_idx ON slips (matter_id, signer);
