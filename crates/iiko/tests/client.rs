//! The client against the fake server: what it reads, and what it does when the server misbehaves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    future::Future,
    time::{Duration, Instant},
};

use fake_iiko::{APP_ID, CLIENT_SECRET, EmptyForm, Endpoint, FakeIiko, Fault, ListedItem, Scenario};
use iiko::{Client, Error, Item, ItemKey, Login, Options, OrganizationStopLists, StopCause, Transport, Trouble};
use schemas::{Decimal, Timestamp};
use uuid::Uuid;

async fn fake() -> FakeIiko {
    FakeIiko::start(Scenario { organizations: 2, groups: 2, items: 10, ..Scenario::default() }).await.unwrap()
}

/// Production's bounds, but pauses for people who wait for a test.
fn options(fake: &FakeIiko) -> Options {
    let pause = Duration::from_millis(10);
    Options { base_url: fake.base_url(), first_pause: pause, ..Options::default() }
}

fn client_with(options: &Options) -> Client {
    Client::new(Transport::new(options).unwrap(), Login::ApiLogin("demo-login".to_owned()))
}

fn client(fake: &FakeIiko) -> Client {
    client_with(&options(fake))
}

fn truth(fake: &FakeIiko, organization: Uuid) -> OrganizationStopLists {
    let item = |i: &ListedItem| {
        let key = ItemKey { product_id: i.product_id, size_id: i.size_id };
        let added_at = i.added_at_millis.map(|millis| Timestamp(millis * 1000));
        (key, Item { balance: Decimal::from_unscaled(i.balance_millionths), sku: i.sku.clone(), added_at })
    };
    let groups: BTreeMap<_, _> = fake.stop_lists().remove(&organization).unwrap();
    groups.iter().map(|(id, items)| (*id, items.iter().map(item).collect())).collect()
}

fn calls(fake: &FakeIiko, endpoint: Endpoint) -> usize {
    fake.calls().iter().filter(|call| call.endpoint == endpoint).count()
}

fn trouble(error: &Error) -> Option<Trouble> {
    match error {
        Error::RetryLater { trouble, .. } => Some(*trouble),
        _ => None,
    }
}

/// A hanging test says less than a failing one.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("ends by itself")
}

#[tokio::test]
async fn everything_is_read_with_both_versions_of_a_login() {
    let fake = fake().await;
    let application =
        Login::Application { api_key: "demo-login".into(), app_id: APP_ID, client_secret: CLIENT_SECRET.into() };
    for login in [Login::ApiLogin("demo-login".into()), application] {
        let client = Client::new(Transport::new(&options(&fake)).unwrap(), login);
        let organizations = client.organizations().await.unwrap();
        let expected = fake.organizations();
        assert_eq!(
            organizations.iter().map(|o| o.id).collect::<Vec<_>>(),
            expected.iter().map(|(id, _)| *id).collect::<Vec<_>>()
        );
        let groups = client.terminal_groups(&[expected[0].0]).await.unwrap();
        assert_eq!(groups.awake.iter().map(|g| g.id).collect::<Vec<_>>(), expected[0].1);
        assert!(groups.asleep.is_empty());
        for (organization, _) in expected {
            assert_eq!(client.stop_lists(organization).await.unwrap(), Some(truth(&fake, organization)));
        }
    }
    let stop_lists: Vec<_> = fake.calls().into_iter().filter(|c| c.endpoint == Endpoint::StopLists).collect();
    for call in &stop_lists {
        assert_eq!((call.organization_ids.len(), call.timeout_header), (1, Some(40)), "a few seconds below our own 45");
        assert_eq!(call.body["returnSize"], true);
        assert!(call.body.get("terminalGroupsIds").is_none());
    }
    assert_eq!((calls(&fake, Endpoint::AccessToken), stop_lists.len()), (2, 4), "one token for each login");
}

#[tokio::test]
async fn both_forms_of_an_emptied_group_are_read() {
    let fake = fake().await;
    let (organization, groups) = fake.organizations().remove(0);
    assert!(fake.set_stop_list(organization, groups[0], vec![]));
    let client = client(&fake);
    let listed = client.stop_lists(organization).await.unwrap().unwrap();
    assert!(listed[&groups[0]].is_empty() && !listed[&groups[1]].is_empty());
    fake.set_empty_form(EmptyForm::LeftOut);
    let left_out = client.stop_lists(organization).await.unwrap().unwrap();
    assert_eq!(left_out.keys().collect::<Vec<_>>(), [&groups[1]]);
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_replaced_once_when_refused() {
    let fake = fake().await;
    let client = client(&fake);
    let organization = fake.organizations()[0].0;
    let all = || futures_util::future::join_all((0..20).map(|_| client.stop_lists(organization)));
    assert!(soon(all()).await.iter().all(Result::is_ok));
    assert_eq!(calls(&fake, Endpoint::AccessToken), 1);
    fake.revoke_tokens();
    assert!(soon(all()).await.iter().all(Result::is_ok));
    assert_eq!(calls(&fake, Endpoint::AccessToken), 2, "one for all again");
}

#[tokio::test]
async fn a_login_that_is_refused_is_stopped_and_not_hammered() {
    let fake = fake().await;
    let organization = fake.organizations()[0].0;
    let wrong = Client::new(Transport::new(&options(&fake)).unwrap(), Login::ApiLogin("nobody".into()));
    let results = soon(futures_util::future::join_all((0..20).map(|_| wrong.stop_lists(organization)))).await;
    for result in results {
        assert!(matches!(result, Err(Error::StopLogin { cause: StopCause::Unauthorized, .. })), "{result:?}");
    }
    assert_eq!(calls(&fake, Endpoint::AccessToken), 1, "those who waited share the refusal");

    let right = client(&fake);
    fake.fail_next(Endpoint::StopLists, 2, Fault::status(401));
    let refused = right.stop_lists(organization).await;
    assert!(matches!(refused, Err(Error::StopLogin { cause: StopCause::Unauthorized, .. })), "{refused:?}");
    assert_eq!(calls(&fake, Endpoint::StopLists), 2, "a lasting 401 is asked twice, not for ever");

    fake.fail_next(Endpoint::StopLists, 1, Fault::status(423));
    let blocked = right.stop_lists(organization).await;
    assert!(matches!(blocked, Err(Error::StopLogin { cause: StopCause::Blocked, .. })), "{blocked:?}");
}

#[tokio::test]
async fn trouble_that_passes_is_repeated_within_bounds() {
    let fake = fake().await;
    let organization = fake.organizations()[0].0;
    for fault in [Fault::status(500), Fault::status(408), Fault::status(429), Fault::Truncated] {
        let client = client(&fake);
        let before = calls(&fake, Endpoint::StopLists);
        fake.fail_next(Endpoint::StopLists, 2, fault.clone());
        let lists = soon(client.stop_lists(organization)).await.unwrap_or_else(|e| panic!("{fault:?}: {e}"));
        assert_eq!(lists, Some(truth(&fake, organization)));
        assert_eq!(calls(&fake, Endpoint::StopLists) - before, 3, "{fault:?}");
    }
    fake.fail_next(Endpoint::StopLists, 3, Fault::status(503));
    let failed = soon(client(&fake).stop_lists(organization)).await.unwrap_err();
    assert_eq!(trouble(&failed), Some(Trouble::Server), "three tries are all");
}

#[tokio::test]
async fn what_iiko_asks_to_wait_is_waited() {
    let fake = fake().await;
    let organization = fake.organizations()[0].0;
    fake.fail_next(Endpoint::StopLists, 1, Fault::too_many(Duration::from_secs(1)));
    let begun = Instant::now();
    soon(client(&fake).stop_lists(organization)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let before = calls(&fake, Endpoint::StopLists);
    fake.fail_next(Endpoint::StopLists, 1, Fault::too_many(Duration::from_secs(600)));
    let error = soon(client(&fake).stop_lists(organization)).await.unwrap_err();
    assert!(
        matches!(error, Error::RetryLater { retry_after: Some(after), .. } if after == Duration::from_secs(600)),
        "{error:?}"
    );
    assert_eq!(calls(&fake, Endpoint::StopLists) - before, 1);
}

#[tokio::test]
async fn a_faulty_request_is_never_repeated() {
    let fake = fake().await;
    let client = client(&fake);
    let error = client.stop_lists(Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
    assert_eq!(calls(&fake, Endpoint::StopLists), 1);
}

#[tokio::test]
async fn answers_that_are_not_whole_are_errors() {
    let fake = fake().await;
    let client = client(&fake);
    let organization = fake.organizations()[0].0;
    fake.fail_next(Endpoint::StopLists, 1, Fault::Malformed);
    assert_eq!(trouble(&client.stop_lists(organization).await.unwrap_err()), Some(Trouble::Malformed));
    fake.fail_next(Endpoint::StopLists, 1, Fault::OrganizationMissing);
    assert_eq!(client.stop_lists(organization).await.unwrap(), None, "it says nothing, and not: empty");
    let small = client_with(&Options { max_answer_bytes: 1000, ..options(&fake) });
    assert_eq!(trouble(&small.stop_lists(organization).await.unwrap_err()), Some(Trouble::TooLarge));
}

#[tokio::test]
async fn silence_and_trickle_are_cut() {
    let fake = fake().await;
    let organization = fake.organizations()[0].0;
    let short = Duration::from_millis(500);
    let impatient = Options { connect_timeout: short, read_timeout: short, attempts: 1, ..options(&fake) };
    fake.fail_next(Endpoint::StopLists, 1, Fault::Hang);
    let error = soon(client_with(&impatient).stop_lists(organization)).await.unwrap_err();
    assert_eq!(trouble(&error), Some(Trouble::Timeout));

    // Ten bytes a second keep every read short; only the deadline ends them.
    let strict = Options { deadline: Duration::from_secs(2), ..impatient };
    fake.fail_next(Endpoint::StopLists, 1, Fault::Drip);
    let error = soon(client_with(&strict).stop_lists(organization)).await.unwrap_err();
    assert_eq!(trouble(&error), Some(Trouble::Timeout));
    assert!(error.to_string().contains("deadline"), "{error}");
}

#[tokio::test]
async fn calls_under_way_are_bounded() {
    let fake = fake().await;
    let organization = fake.organizations()[0].0;
    let client = client_with(&Options { concurrency: 3, ..options(&fake) });
    fake.latency(Duration::from_millis(50));
    let results = soon(futures_util::future::join_all((0..12).map(|_| client.stop_lists(organization)))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fake.most_concurrent(), 3);
}

#[tokio::test]
async fn nobody_listening_is_trouble_that_may_pass() {
    let fake = fake().await;
    let options = options(&fake);
    drop(fake);
    let error = soon(client_with(&options).organizations()).await.unwrap_err();
    assert_eq!(trouble(&error), Some(Trouble::Network), "{error}");
}
