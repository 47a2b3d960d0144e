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
    -- The version that catalog.products.v1 has. The relay publishes rows where it is behind.
    published_version bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, product_key)
)
-- Nearly every update only moves observed_at on: with room on the page it touches no index. Measured
-- with a random quarter of 20,000 rows in each batch: 93 % of the updates without room, 98 % with
-- fillfactor 80, 99.8 % with 70.
WITH (fillfactor = 70);

-- The relay's question: which rows are to be published? Nearly always none.
CREATE INDEX products_dirty ON products (tenant, product_key) WHERE published_version < version;

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
