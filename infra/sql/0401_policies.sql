-- Every policy file that this installation was ever started with: a clock is explained by the one that it began under.
CREATE TABLE policies (
    digest bytea PRIMARY KEY, -- of the document
    version text NOT NULL, -- the district's own; a year may have been added to a file without a new one
    document text NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now()
);
