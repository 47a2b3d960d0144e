//! Keys of Kafka records. All begin with the tenant; tenant and register need no escaping because
//! [`is_id`](crate::is_id) admits nothing that would.

use crate::ids::push_part;

/// `tenant/register`: raw documents, receipts, shifts, events and the directory. All documents of
/// a register so lie in one partition, in order.
#[must_use]
pub fn register(tenant: &str, register: &str) -> String {
    joined(tenant, register)
}

/// `tenant/source/name`: in the directory, and of what a source sent that no register has sent. The names of registers
/// have no `/`.
#[must_use]
pub fn source(tenant: &str, source: &str) -> String {
    format!("{tenant}/source/{source}")
}

/// `tenant/device`, under which a register is found by an id that documents name it by; cases of letters and blanks
/// around it do not matter.
#[must_use]
pub fn device(tenant: &str, device: &str) -> String {
    joined(tenant, &device_name(device))
}

/// One spelling of a device's id, of those that mean the same one.
#[must_use]
pub fn device_name(device: &str) -> String {
    device.trim().to_lowercase()
}

/// `tenant/product_key`. The product key is one that [`product_key`](crate::product_key) made: its
/// parts are escaped already.
#[must_use]
pub fn product(tenant: &str, product_key: &str) -> String {
    joined(tenant, product_key)
}

/// `tenant/terminal_group`: stop lists.
#[must_use]
pub fn terminal_group(tenant: &str, terminal_group: &str) -> String {
    let mut key = format!("{tenant}/");
    push_part(&mut key, terminal_group);
    key
}

fn joined(tenant: &str, rest: &str) -> String {
    let mut key = String::with_capacity(tenant.len() + 1 + rest.len());
    key.push_str(tenant);
    key.push('/');
    key.push_str(rest);
    key
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_begin_with_the_tenant() {
        assert_eq!(super::register("acme", "till-7"), "acme/till-7");
        assert_eq!(super::source("acme", "evotor"), "acme/source/evotor");
        assert_eq!(super::device("acme", " 20170111-D58C-40E4 "), "acme/20170111-d58c-40e4");
        assert_eq!(super::device("acme", "КАССА-1"), "acme/касса-1");
        assert_eq!(super::product("acme", "code:dreamkas/shop-1/A%2F1"), "acme/code:dreamkas/shop-1/A%2F1");
        assert_eq!(super::terminal_group("acme", "бар/1"), "acme/бар%2F1");
    }
}
