-- The product catalogue: what registers sold, under which name, and for how much.
--
-- Text that is compared or is part of a key is COLLATE "C", byte by byte: the services compare the same
-- way, and no upgrade of the operating system's collation can spoil an index.

-- The newest observation of each product. "Newest" is the order (observed_at, receipt_id, revision);
-- where all three are equal, the greater content counts, so that the result never depends on the
-- order of arrival.
CREATE TABLE products (
    tenant            text        COLLATE "C" NOT NULL,
    product_key       text        COLLATE "C" NOT NULL,
    name              text        COLLATE "C" NOT NULL,
    unit              text        COLLATE "C",
    gtin              text        COLLATE "C",
    vendor_code       text        COLLATE "C",
    vat_rate          text        COLLATE "C",
    -- Time of the newest receipt; never after its reception.
    observed_at       timestamptz NOT NULL,
    receipt_id        text        COLLATE "C" NOT NULL,
    revision          integer     NOT NULL,
    -- Raised with each change of a published column: name to vat_rate, and the prices below.
    version           bigint      NOT NULL DEFAULT 1,
    -- The version before the newest observation, 0 for the first one. By it the writer sees in one
    -- statement which products have a new version.
    previous_version  bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, product_key)
)
-- No update touches an indexed column: with room on the page it touches no index. Measured with a
-- random quarter of 20,000 rows in each batch: 93 % of the updates without room, 98 % with
-- fillfactor 80, 99.8 % with 70.
WITH (fillfactor = 70);

-- Products whose newest version is not in catalog.products.v1 yet; nearly always none. The writer adds
-- a row with each change, in the same transaction; the relay takes it away when that version is sent.
CREATE TABLE products_dirty (
    tenant      text   COLLATE "C" NOT NULL,
    product_key text   COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (tenant, product_key)
)
-- Rows live for a second. Waiting for a share of a table that is nearly empty would be waiting for ever
-- or never.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- The newest observed price of each product in each shop. The shop stands last in the key, because
-- the relay asks for all prices of a product.
CREATE TABLE observed_prices (
    tenant           text        COLLATE "C" NOT NULL,
    product_key      text        COLLATE "C" NOT NULL,
    shop             text        COLLATE "C" NOT NULL,
    price_kopecks    bigint      NOT NULL,
    -- The price before the newest observation, null for the first one. By it the writer sees in one
    -- statement which prices have changed and raises the versions of their products.
    previous_kopecks bigint,
    observed_at      timestamptz NOT NULL,
    receipt_id       text        COLLATE "C" NOT NULL,
    revision         integer     NOT NULL,
    PRIMARY KEY (tenant, product_key, shop)
)
WITH (fillfactor = 70);
