//! Settings that cannot be used: the program ends at once, with status 2, and names the setting.

use std::process::Command;

#[test]
fn what_cannot_be_used_is_named_at_start() {
    for (variable, value) in [
        // Missing.
        ("KASSAFLOW_TOKEN_KEYS", ""),
        ("KASSAFLOW_TOKEN_KEYS", "secret"),
        ("KASSAFLOW_HTTP_LISTEN", "8080"),
        ("KASSAFLOW_ADMIN_LISTEN", "nowhere"),
        ("KASSAFLOW_KAFKA_BROKERS", ""),
        ("KASSAFLOW_KAFKA_CLIENT_FILE", "/nowhere/client.properties"),
        ("KASSAFLOW_TOPIC_PREFIX", "my shop."),
        ("KASSAFLOW_REGISTRY_URL", "registry:8081"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hub-ingest"))
            .env_clear()
            .env("KASSAFLOW_TOKEN_KEYS", format!("1:{}", "0".repeat(64)))
            .env(variable, value)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {said}");
        assert!(said.contains(variable), "{said}");
        assert!(said.contains("--print-settings"), "{said}");
    }
}
