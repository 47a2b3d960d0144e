//! Rounds against the fake iiko and a real PostgreSQL: what they write, and what they leave alone.

use std::time::Duration;

use crate::common::{BOUND, Database, Replica, TENANT, emptied, fake, quick, truth};
use fake_iiko::{EmptyForm, Endpoint, FakeIiko, Fault, Scenario};
use local_servers::{Home, Kind, Server};
use stoplist_syncer::Round;
use uuid::Uuid;

fn stop_list_calls(fake: &FakeIiko) -> usize {
    fake.calls().iter().filter(|call| call.endpoint == Endpoint::StopLists).count()
}

#[tokio::test]
async fn a_round_makes_the_tables_equal_with_one_call_for_each_organisation() {
    let (fake, database) = (fake(3, 4, 15).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    let round = replica.round().await;
    assert_eq!(round, Round { synchronized: 3, changed: 3, items: 3 * 4 * 15, failed: 0 });
    assert_eq!(database.lists(TENANT).await, truth(&fake));
    fake.mutate(40);
    assert!(replica.round().await.changed > 0);
    assert_eq!(database.lists(TENANT).await, truth(&fake));
    assert_eq!(stop_list_calls(&fake), 6, "one for each organisation and round, whatever its number of groups");
    assert_eq!(fake.calls().len(), 6 + 2, "a token and the organisations, once");
    let names: Vec<String> = database.column("SELECT name FROM iiko_organizations").await;
    assert!(names.len() == 3 && names.iter().all(|name| name.starts_with("Кафе")));
    let shown = format!("{:?}", replica.metrics.gather());
    for name in ["rounds_total", "organizations_total", "items_total", "oldest_success_age_seconds"] {
        assert!(shown.contains(&format!("kassaflow_stop_lists_{name}")), "{name}");
    }
}

#[tokio::test]
async fn no_bad_answer_changes_a_list() {
    let (fake, database) = (fake(1, 3, 20).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    let before = database.lists(TENANT).await;
    fake.mutate(10);
    for (fault, told) in [
        (Fault::status(500), "server_error"),
        (Fault::status(408), "timeout"),
        (Fault::status(429), "rate_limited"),
        (Fault::Malformed, "malformed"),
        (Fault::Truncated, "network"),
        (Fault::Hang, "timeout"),
        (Fault::Drip, "timeout"),
        (Fault::OrganizationMissing, "leaves the organisation out"),
    ] {
        let tries = if matches!(fault, Fault::Malformed | Fault::OrganizationMissing) { 1 } else { 2 };
        fake.fail_next(Endpoint::StopLists, tries, fault.clone());
        let round = replica.round().await;
        assert_eq!((round.failed, round.synchronized), (1, 0), "{fault:?}");
        assert_eq!(database.lists(TENANT).await, before, "{fault:?}");
        let error = database.errors().await.remove(0).expect("noted");
        assert!(error.contains(told), "{fault:?}: {error}");
    }
    replica.round().await;
    assert_eq!(database.lists(TENANT).await, truth(&fake));
    assert_eq!(database.errors().await, [None]);
}

#[tokio::test]
async fn both_forms_of_an_emptied_group_empty_it_and_its_row_stays() {
    let (fake, database) = (fake(1, 3, 10).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    let (organization, groups) = fake.organizations().remove(0);
    for (form, group) in [(EmptyForm::Listed, groups[0]), (EmptyForm::LeftOut, groups[1])] {
        fake.set_empty_form(form);
        assert!(fake.set_stop_list(organization, group, vec![]));
        assert_eq!(replica.round().await.items, 10, "{form:?}");
        let stored = database.lists(TENANT).await;
        assert_eq!(stored, truth(&fake), "{form:?}");
        assert_eq!(stored[&group], []);
    }
    let versions = "SELECT version FROM stop_list_groups ORDER BY version";
    assert_eq!(database.column::<i64>(versions).await, [1, 2, 2]);
    fake.mutate(30);
    replica.round().await;
    assert_eq!(database.lists(TENANT).await, truth(&fake), "and it fills again");
}

#[tokio::test]
async fn many_items_are_emptied_only_when_a_second_answer_confirms_it() {
    let (fake, database) = (fake(1, 2, 30).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    let full = database.lists(TENANT).await;

    fake.fail_next(Endpoint::StopLists, 1, Fault::Emptied);
    let before = stop_list_calls(&fake);
    assert_eq!(replica.round().await, Round { synchronized: 1, ..Round::default() }, "the second answer counts");
    assert_eq!(database.lists(TENANT).await, full);
    assert_eq!(stop_list_calls(&fake) - before, 2);

    fake.fail_next(Endpoint::StopLists, 1, Fault::Emptied);
    fake.fail_next(Endpoint::StopLists, 2, Fault::status(500));
    assert_eq!(replica.round().await.failed, 1, "without a second answer nothing is done");
    assert_eq!(database.lists(TENANT).await, full);

    fake.fail_next(Endpoint::StopLists, 2, Fault::Emptied);
    assert_eq!(replica.round().await.items, 60);
    assert_eq!(database.lists(TENANT).await, emptied(&full));
}

#[tokio::test]
async fn unchanged_lists_cause_no_write_but_that_of_the_success() {
    let (fake, database) = (fake(1, 4, 25).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    // The transaction that wrote a row last: every update and every insert gives a row a new one.
    let items = "SELECT concat_ws(' ', terminal_group_id, product_id, size_id, xmin) FROM stop_list_items ORDER BY 1";
    let groups = "SELECT concat_ws(' ', terminal_group_id, xmin) FROM stop_list_groups ORDER BY 1";
    let organization = "SELECT concat_ws(' ', epoch, xmin) FROM iiko_organizations";
    let written = async |text: &str| database.column::<String>(text).await;
    let (items_before, groups_before) = (written(items).await, written(groups).await);
    let success = "SELECT last_success_at::text FROM iiko_organizations";
    let success_before = written(success).await;
    let mut touched = written(organization).await;
    for _ in 0..3 {
        assert_eq!(replica.round().await, Round { synchronized: 1, ..Round::default() });
        assert_eq!((written(items).await, written(groups).await), (items_before.clone(), groups_before.clone()));
        let now = written(organization).await;
        assert_ne!(now, touched);
        touched = now;
    }
    assert_eq!(database.column::<i64>("SELECT epoch FROM iiko_organizations").await, [4], "one update a round");
    assert_ne!(written(success).await, success_before);

    // One changed item of a hundred: one item and its group are written.
    let (organization, _) = fake.organizations().remove(0);
    let (group, mut list) = truth(&fake).pop_first().unwrap();
    list[7].balance_millionths += 1_500_000;
    assert!(fake.set_stop_list(organization, group, list));
    assert_eq!(replica.round().await.items, 1);
    let differing = |before: &[String], after: &[String]| after.iter().filter(|row| !before.contains(row)).count();
    assert_eq!(differing(&items_before, &written(items).await), 1);
    assert_eq!(differing(&groups_before, &written(groups).await), 1);
    assert_eq!(database.lists(TENANT).await, truth(&fake));
}

#[tokio::test]
async fn an_answer_that_another_replica_overtook_writes_nothing() {
    let (fake, database) = (fake(1, 2, 20).await, Database::new().await);
    let (mut slow, mut fast) = (Replica::new(&fake, &database, &quick()), Replica::new(&fake, &database, &quick()));
    slow.round().await;
    fast.round().await;
    let before = stop_list_calls(&fake);
    // The fake makes its answer when the call arrives and keeps it for the latency.
    fake.latency(Duration::from_millis(900));
    let slow = tokio::spawn(async move { slow.round().await });
    let arrived = async {
        while stop_list_calls(&fake) == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(BOUND, arrived).await.unwrap();
    fake.latency(Duration::ZERO);
    fake.mutate(30);
    assert_eq!(fast.round().await.changed, 1);
    let round = tokio::time::timeout(BOUND, slow).await.unwrap().unwrap();
    assert_eq!((round.synchronized, round.changed), (1, 0));
    assert_eq!(database.lists(TENANT).await, truth(&fake), "the older answer changed nothing");
}

#[tokio::test]
async fn replicas_side_by_side_end_at_the_truth() {
    let (fake, database) = (fake(4, 3, 20).await, Database::new().await);
    let mut one = Replica::new(&fake, &database, &quick());
    let mut other = Replica::new(&fake, &database, &quick());
    for _ in 0..15 {
        fake.mutate(20);
        let (first, second) = tokio::join!(one.round(), other.round());
        assert_eq!((first.failed, second.failed), (0, 0));
    }
    one.round().await;
    assert_eq!(database.lists(TENANT).await, truth(&fake));
}

#[tokio::test]
async fn what_is_dropped_in_the_middle_is_never_half_applied() {
    let (fake, database) = (fake(1, 3, 40).await, Database::new().await);
    Replica::new(&fake, &database, &quick()).round().await;
    for step in 0..40 {
        let before = database.lists(TENANT).await;
        fake.mutate(60);
        let after = truth(&fake);
        // As if the process were killed: the round is dropped wherever it is.
        let mut replica = Replica::new(&fake, &database, &quick());
        let round = tokio::spawn(async move { replica.round().await });
        tokio::time::sleep(Duration::from_millis(step)).await;
        round.abort();
        drop(round.await);
        let stored = database.lists(TENANT).await;
        assert!(stored == before || stored == after, "all groups change together or not at all");
    }
    Replica::new(&fake, &database, &quick()).round().await;
    assert_eq!(database.lists(TENANT).await, truth(&fake), "a new one goes on from there");
}

#[tokio::test]
async fn tenants_have_lists_of_their_own() {
    let logins = vec!["login-1".to_owned(), "login-2".to_owned()];
    let scenario = Scenario { organizations: 2, groups: 2, items: 5, logins, ..Scenario::default() };
    let (fake, database) = (FakeIiko::start(scenario).await.unwrap(), Database::new().await);
    for (tenant, word) in [("tenant-1", "login-1"), ("tenant-2", "login-2")] {
        assert_eq!(Replica::of(&fake, &database, &quick(), tenant, word).round().await.synchronized, 1);
    }
    let truth = fake.stop_lists();
    for (tenant, (organization, _)) in ["tenant-1", "tenant-2"].into_iter().zip(fake.organizations()) {
        assert_eq!(database.lists(tenant).await, truth[&organization]);
    }
}

#[tokio::test]
async fn a_group_that_moves_to_another_organisation_keeps_one_list() {
    let (fake, database) = (fake(2, 2, 10).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    let organizations = fake.organizations();
    let ((from, groups), (to, _)) = (&organizations[0], &organizations[1]);
    let mut list = truth(&fake).remove(&groups[0]).unwrap();
    list.truncate(3);
    // It leaves one answer and comes into the other; that the old organisation still has it, empty, is the fake's way.
    fake.set_empty_form(EmptyForm::LeftOut);
    assert!(fake.set_stop_list(*from, groups[0], vec![]) && fake.set_stop_list(*to, groups[0], list.clone()));
    replica.round().await;
    replica.round().await;
    assert_eq!(database.lists(TENANT).await[&groups[0]], list);
    assert_eq!(replica.round().await.changed, 0);
}

#[tokio::test]
async fn what_iiko_refuses_is_left_alone() {
    let (fake, database) = (fake(3, 1, 5).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    fake.fail_next(Endpoint::StopLists, 1, Fault::status(400));
    assert_eq!(replica.round().await, Round { synchronized: 2, failed: 1, ..Round::default() });
    assert_eq!(
        replica.round().await,
        Round { synchronized: 2, ..Round::default() },
        "a faulty request is not repeated"
    );

    fake.fail_next(Endpoint::StopLists, 2, Fault::status(423));
    replica.round().await;
    let calls = fake.calls().len();
    for _ in 0..5 {
        assert_eq!(replica.round().await, Round::default());
    }
    assert_eq!(fake.calls().len(), calls, "a blocked login calls no more");

    let soon = stoplist_syncer::settings::StopLists { refused_login_seconds: 0, organizations_seconds: 0, ..quick() };
    let mut replica = Replica::new(&fake, &database, &soon);
    fake.fail_next(Endpoint::AccessToken, 1, Fault::status(401));
    assert_eq!(replica.round().await, Round::default());
    assert_eq!(replica.round().await.synchronized, 3, "after a while it is tried again");
}

#[tokio::test]
async fn organisations_come_and_are_asked_for_only_now_and_then() {
    let (fake, database) = (fake(2, 1, 5).await, Database::new().await);
    let mut replica = Replica::new(&fake, &database, &quick());
    fake.fail_next(Endpoint::Organizations, 2, Fault::status(500));
    assert_eq!(replica.round().await, Round::default(), "nothing is known yet");
    for _ in 0..3 {
        assert_eq!(replica.round().await.synchronized, 2);
    }
    let asked = fake.calls().iter().filter(|call| call.endpoint == Endpoint::Organizations).count();
    assert_eq!(asked, 3, "two failed tries and one answer");
    let known: Vec<Uuid> = database.column("SELECT organization_id FROM iiko_organizations ORDER BY 1").await;
    let mut expected: Vec<Uuid> = fake.organizations().into_iter().map(|(id, _)| id).collect();
    expected.sort();
    assert_eq!(known, expected);
}

#[tokio::test]
async fn an_outage_of_postgresql_is_waited_out() {
    let mut server = Server::start_new(&Home::find().unwrap(), Kind::Postgres).await.unwrap();
    let database = Database::at(server.url()).await;
    let fake = fake(2, 2, 10).await;
    let mut replica = Replica::new(&fake, &database, &quick());
    replica.round().await;
    fake.mutate(20);
    server.kill().await;
    let calls = stop_list_calls(&fake);
    let waiting = tokio::spawn(async move { replica.round().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    assert_eq!(stop_list_calls(&fake), calls, "iiko is not asked for what cannot be stored");
    server.start().await.unwrap();
    let round = tokio::time::timeout(BOUND, waiting).await.unwrap().unwrap();
    assert_eq!((round.synchronized, round.failed), (2, 0));
    assert_eq!(database.lists(TENANT).await, truth(&fake));
}
