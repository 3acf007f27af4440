-- Which request, or which step of a workflow, a command came by. None for residents, and for whatever is secret: beside
-- a web server's log it would tell who signed, and when.
ALTER TABLE commands ADD COLUMN origin text;
