-- How far each webhook has come. The subscriptions themselves are events: see domain/webhook.py.
CREATE TABLE webhook_deliveries (
    webhook_id uuid PRIMARY KEY,
    version bigint NOT NULL, -- of the subscription that this row has heeded
    position bigint NOT NULL, -- everything up to here was taken by the subscriber, or is not for it
    attempts int NOT NULL DEFAULT 0, -- at what comes next
    failing_since timestamptz,
    retry_at timestamptz,
    delivered_at timestamptz, -- the last that was taken
    error text, -- the last there was
    error_at timestamptz
) WITH (fillfactor = 50);
