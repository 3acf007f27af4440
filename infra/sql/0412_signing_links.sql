-- A petition's short link to sign, also as a QR code. It says nothing of whoever gives it on or follows it; without its
-- row it leads nowhere.
CREATE TABLE signing_links (
    petition_id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE
);
