use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// A `timestamptz` as microseconds since 1970-01-01 00:00 UTC, with no loss either way. What
/// PostgreSQL cannot hold (before 4713 BC) becomes its earliest moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamptz(pub i64);

/// PostgreSQL counts from 2000-01-01.
const EPOCH: i64 = 946_684_800_000_000;
/// 4713-11-24 BC, the first moment that it holds, on its own scale.
const EARLIEST: i64 = -211_813_488_000_000_000;

impl ToSql for Timestamptz {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let moment = self.0.saturating_sub(EPOCH).max(EARLIEST);
        out.extend_from_slice(&moment.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Timestamptz {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH)))
    }

    accepts!(TIMESTAMPTZ);
}
