-- When a state ends by itself.

ALTER TABLE identities ADD COLUMN locked_until INTEGER; -- microseconds; null: when somebody sets another one
CREATE INDEX identities_by_lock ON identities (locked_until) WHERE locked_until IS NOT NULL;
