//! What all parts of the hub must agree on: identities, which copy is newer, tokens, time.
//!
//! Everything here is pure: no I/O, and the same answer in every service and at every time.
//!
//! ```
//! assert_eq!(canonical::fiscal_id("acme", "9999078900001234", 132), "acme/9999078900001234/0000000132");
//! assert_eq!(canonical::key::register("acme", "till-7"), "acme/till-7");
//! ```

pub mod copies;
pub mod gtin;
mod hash;
pub mod ids;
pub mod key;
mod newest;
mod offset;
pub mod product;
pub mod source_token;
mod spelled;
pub mod time;
pub mod token;

pub use copies::{Copy, Kept, Reception, settle};
pub use hash::document_hash;
pub use ids::{NonFiscalReceipt, encashment_id, fiscal_id, is_id, non_fiscal_receipt_id, vendor_id};
pub use newest::Newest;
pub use product::product_key;
pub use token::{Credential, IssueError, TokenError, TokenKeys, TokenKeysError};
