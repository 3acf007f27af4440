-- Whoever's entry is rejected is written to once, by day.
ALTER TABLE rejections ADD COLUMN told boolean NOT NULL DEFAULT false;
