//! Stop lists in PostgreSQL against those of the (fake) restaurants.

use std::collections::BTreeSet;

use fake_iiko::StopLists;
use tokio_postgres::Client;

use crate::check::{CheckError, findings::Findings};

const LISTS: &str = "SELECT organization_id::text, terminal_group_id::text, product_id::text, size_id::text, \
                     (balance * 1000000)::bigint, sku, (extract(epoch FROM added_at) * 1000)::bigint \
                     FROM stop_list_groups LEFT JOIN stop_list_items USING (tenant, terminal_group_id)";

/// An item on a list; a list without items has one row without a dish.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    organization: String,
    group: String,
    dish: Option<(String, Option<String>, i64)>,
    sku: Option<String>,
    added_at_ms: Option<i64>,
}

/// True when PostgreSQL has exactly these lists.
///
/// # Errors
/// When PostgreSQL cannot be read.
pub async fn agree(client: &Client, truth: &StopLists) -> Result<bool, CheckError> {
    Ok(stored(client).await? == expected(truth))
}

/// Reads the tables of stop lists.
///
/// # Errors
/// When PostgreSQL cannot be read.
pub async fn check(client: &Client, truth: &StopLists, findings: &mut Findings) -> Result<(), CheckError> {
    let (stored, expected) = (stored(client).await?, expected(truth));
    findings.stop_list_items = stored.iter().filter(|line| line.dish.is_some()).count() as u64;
    for line in expected.difference(&stored) {
        findings.wrong_stop_lists.add(|| format!("{line:?} is missing"));
    }
    for line in stored.difference(&expected) {
        findings.wrong_stop_lists.add(|| format!("{line:?} is not on the list"));
    }
    Ok(())
}

async fn stored(client: &Client) -> Result<BTreeSet<Line>, CheckError> {
    let mut lines = BTreeSet::new();
    for row in client.query(LISTS, &[]).await? {
        let product: Option<String> = row.try_get(2)?;
        let (size, balance): (Option<String>, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
        lines.insert(Line {
            organization: row.try_get(0)?,
            group: row.try_get(1)?,
            dish: product.map(|product| (product, size, balance.unwrap_or_default())),
            sku: row.try_get(5)?,
            added_at_ms: row.try_get(6)?,
        });
    }
    Ok(lines)
}

fn expected(truth: &StopLists) -> BTreeSet<Line> {
    let groups = truth.iter().flat_map(|(organization, groups)| groups.iter().map(move |group| (organization, group)));
    groups
        .flat_map(|(organization, (group, items))| {
            let empty = Line {
                organization: organization.to_string(),
                group: group.to_string(),
                dish: None,
                sku: None,
                added_at_ms: None,
            };
            let lines: Vec<_> = items
                .iter()
                .map(|item| Line {
                    dish: Some((
                        item.product_id.to_string(),
                        item.size_id.map(|size| size.to_string()),
                        item.balance_millionths,
                    )),
                    sku: item.sku.clone(),
                    added_at_ms: item.added_at_millis,
                    ..empty.clone()
                })
                .collect();
            if lines.is_empty() { vec![empty] } else { lines }
        })
        .collect()
}
