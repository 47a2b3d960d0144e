//! The directory of registers on real servers.
#![allow(clippy::unwrap_used, reason = "tests")]

use canonical::TokenKeys;
use local_servers::testing::endpoints;
use provision::{
    Change, Enrolment, Error,
    testing::{TOKEN_KEYS, TestInstallation, install},
};
use schemas::directory::{DirectoryEntry, RegisterStatus, TOPIC};

fn keys() -> TokenKeys {
    TokenKeys::parse(TOKEN_KEYS).unwrap()
}

fn till(test: &TestInstallation, register: &str) -> Enrolment {
    Enrolment {
        tenant: test.tenant.clone(),
        register: register.into(),
        shop: "shop-1".into(),
        time_zone: "Europe/Moscow".into(),
        families: vec!["dreamkas".into()],
        ..Enrolment::default()
    }
}

fn revoke(test: &TestInstallation, register: &str) -> Change {
    Change::Revoke { tenant: test.tenant.clone(), register: register.into() }
}

#[tokio::test]
async fn an_enrolled_register_is_in_the_directory_and_its_token_speaks_for_it() {
    let test = install(&endpoints(), 3).await;
    let token = test.enrol("till-1").await;
    let credential = keys();
    let credential = credential.verify(&token).unwrap();
    assert_eq!((credential.tenant, credential.register), (&*test.tenant, "till-1"));
    let records = test.read_all(TOPIC).await;
    let entry: DirectoryEntry<'_> = records[0].decode();
    assert_eq!(records[0].key(), format!("{}/till-1", test.tenant));
    assert_eq!((&*entry.shop, entry.status, entry.lowest_key_version), ("shop-1", RegisterStatus::Active, 1));
    assert!(entry.updated_at.0 > 0);
}

#[tokio::test]
async fn enrolling_again_writes_nothing_and_hands_out_the_same_token() {
    let test = install(&endpoints(), 3).await;
    let (first, second) = (test.enrol("till-1").await, test.enrol("till-1").await);
    assert_eq!(first, second);
    assert_eq!(test.read_all(TOPIC).await.len(), 1);
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing_of_each_other() {
    let test = install(&endpoints(), 3).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let installation = test.installation().clone();
            let tills: Vec<_> = (0..3).map(|n| till(&test, &format!("till-{writer}-{n}"))).collect();
            tokio::spawn(async move { installation.registers_enrol(&keys(), &tills, None).await })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap().unwrap().len(), 3);
    }
    assert_eq!(test.installation().registers_list().await.unwrap().len(), 12);
}

#[tokio::test]
async fn a_writer_that_has_read_too_early_cannot_undo_what_came_in_between() {
    let test = install(&endpoints(), 3).await;
    for round in 0..4 {
        let register = format!("till-{round}");
        test.enrol(&register).await;
        let moved = [Enrolment { shop: "shop-2".into(), ..till(&test, &register) }];
        let (keys, revocation) = (keys(), [revoke(&test, &register)]);
        let (enrolled, revoked) = tokio::join!(
            test.installation().registers_enrol(&keys, &moved, None),
            test.installation().registers_change(&revocation),
        );
        revoked.unwrap();
        let entry = test.installation().registers_list().await.unwrap().pop().unwrap();
        assert_eq!((&*entry.register, entry.status), (&*register, RegisterStatus::Revoked));
        // Whichever was first, both agree on what happened.
        assert_eq!(enrolled.is_ok(), entry.shop == "shop-2", "{enrolled:?}");
    }
}

#[tokio::test]
async fn a_revocation_ends_only_by_an_explicit_command() {
    let test = install(&endpoints(), 3).await;
    let directory = test.installation();
    test.enrol("till-1").await;
    directory.registers_change(&[revoke(&test, "till-1")]).await.unwrap();
    let refused = directory.registers_enrol(&keys(), &[till(&test, "till-1")], None).await.unwrap_err();
    assert!(matches!(&refused, Error::Rejected(why) if why[0].contains("revoked")), "{refused}");
    let reinstate =
        Change::Reinstate { tenant: test.tenant.clone(), register: "till-1".into(), lowest_key_version: None };
    let entries = directory.registers_change(&[reinstate]).await.unwrap();
    assert_eq!(entries[0].status, RegisterStatus::Active);
    assert_eq!(directory.registers_list().await.unwrap(), entries);
}

#[tokio::test]
async fn the_lowest_key_version_never_falls_whatever_was_written_by_others() {
    let test = install(&endpoints(), 3).await;
    let two = TokenKeys::parse(&format!("{TOKEN_KEYS},2:{}", "0a".repeat(32))).unwrap();
    let directory = test.installation();
    directory.registers_enrol(&two, &[till(&test, "till-1")], None).await.unwrap();
    for (keys, lowest) in [(&two, Some(1)), (&keys(), None)] {
        let refused = directory.registers_enrol(keys, &[till(&test, "till-1")], lowest).await.unwrap_err();
        assert!(matches!(refused, Error::Rejected(_)), "{refused}");
    }
    assert_eq!(directory.registers_list().await.unwrap()[0].lowest_key_version, 2);
}

#[tokio::test]
async fn one_bad_change_writes_nothing() {
    let test = install(&endpoints(), 3).await;
    let changes = [
        Change::Enrol { enrolment: till(&test, "till-1"), key_version: 1, lowest_key_version: None },
        revoke(&test, "till-2"),
    ];
    let refused = test.installation().registers_change(&changes).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("nothing was written:\n{}/till-2: it is not enrolled", test.tenant));
    assert!(test.read_all(TOPIC).await.is_empty());
}

#[tokio::test]
async fn an_installation_without_topics_says_what_to_do() {
    let test = install(&endpoints(), 3).await;
    let mut settings = test.kafka.clone();
    settings.topic_prefix.push_str("other.");
    let other = provision::Installation::new(&settings).unwrap();
    let error = other.registers_list().await.unwrap_err().to_string();
    assert!(error.contains("`kassactl schemas apply`"), "{error}");
    other.schemas_apply().await.unwrap();
    let error = other.registers_list().await.unwrap_err().to_string();
    assert!(error.contains("`kassactl topics apply`"), "{error}");
}
