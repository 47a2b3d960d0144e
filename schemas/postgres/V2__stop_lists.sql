-- Stop lists of restaurants: which dishes are out, or nearly, in which kitchen.

-- The organisations that are synchronised, and how that went.
CREATE TABLE iiko_organizations (
    tenant          text        COLLATE "C" NOT NULL,
    organization_id uuid        NOT NULL,
    name            text        COLLATE "C" NOT NULL,
    -- Raised by every answer that is applied. Who began with an older one has been overtaken by
    -- another replica and writes nothing.
    epoch           bigint      NOT NULL DEFAULT 0,
    -- When an answer was last applied, also one that changed nothing. Null: never.
    last_success_at timestamptz,
    -- Why the last attempt failed; null when it succeeded. The lists stay as they were.
    last_error      text        COLLATE "C",
    last_error_at   timestamptz,
    PRIMARY KEY (tenant, organization_id)
)
-- Updated once a round: with room on the page the update touches no index.
WITH (fillfactor = 80);

-- A terminal group has one stop list. Its row stays when the list is emptied, so that the empty list
-- is published, too.
CREATE TABLE stop_list_groups (
    tenant            text        COLLATE "C" NOT NULL,
    terminal_group_id uuid        NOT NULL,
    organization_id   uuid        NOT NULL,
    -- Raised with each change of the list.
    version           bigint      NOT NULL DEFAULT 1,
    -- When the answer was read that changed the list last.
    synchronized_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, terminal_group_id),
    FOREIGN KEY (tenant, organization_id) REFERENCES iiko_organizations
);

-- All lists of an organisation are read together.
CREATE INDEX stop_list_groups_of_organization ON stop_list_groups (tenant, organization_id);

-- Lists whose newest version is not in restaurants.stop-lists.v1 yet; nearly always none. Who changes a
-- list adds a row in the same transaction; the relay takes it away when that version is sent.
CREATE TABLE stop_list_groups_dirty (
    tenant            text   COLLATE "C" NOT NULL,
    terminal_group_id uuid   NOT NULL,
    version           bigint NOT NULL,
    PRIMARY KEY (tenant, terminal_group_id)
);

-- The items of the lists as they are now.
CREATE TABLE stop_list_items (
    tenant            text          COLLATE "C" NOT NULL,
    terminal_group_id uuid          NOT NULL,
    product_id        uuid          NOT NULL,
    -- Only for dishes that have sizes.
    size_id           uuid,
    -- What is left; zero or less is stopped.
    balance           numeric(18,6) NOT NULL,
    sku               text          COLLATE "C",
    added_at          timestamptz,
    UNIQUE NULLS NOT DISTINCT (tenant, terminal_group_id, product_id, size_id),
    FOREIGN KEY (tenant, terminal_group_id) REFERENCES stop_list_groups
);
