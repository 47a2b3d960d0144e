//! MongoDB: collections, indexes, inserts and what to do about a second copy.

use std::collections::HashMap;

use mongodb::{
    Client, Collection as MongoCollection, Database, IndexModel,
    bson::{Document, RawDocumentBuf, doc},
    error::{Error, ErrorKind, InsertManyError},
    options::{ClientOptions, IndexOptions, WriteConcern},
};

use crate::{
    Settings,
    copies::{Facts, Judgement},
    writer::Job,
};

/// The collections that hold documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collection {
    Receipts,
    Shifts,
}

impl Collection {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receipts => "receipts",
            Self::Shifts => "shifts",
        }
    }
}

/// What became of one document.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is stored.
    Inserted,
    /// The same copy was stored before.
    Repeated,
    /// It is stored instead of a copy that counts less.
    Replaced,
    /// A copy that counts more is stored.
    Superseded,
    /// Another document with the same number; both are kept.
    Conflict,
    /// MongoDB will never take it.
    Refused(Refusal),
}

/// Why MongoDB will never take a document.
#[derive(Debug)]
pub(crate) struct Refusal(pub String);

impl Verdict {
    /// Label of the metric.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Repeated => "repeated",
            Self::Replaced => "replaced",
            Self::Superseded => "superseded",
            Self::Conflict => "conflict",
            Self::Refused(_) => "refused",
        }
    }
}

/// The code of "this `_id` is there already".
const DUPLICATE_KEY: i32 = 11000;
/// Codes that say that a document can never be stored: bad value, cannot parse, too large, fails validation, ...
const REFUSED: [i32; 7] = [2, 9, 14, 22, 121, 10334, 17280];

/// The database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    receipts: MongoCollection<RawDocumentBuf>,
    shifts: MongoCollection<RawDocumentBuf>,
    conflicts: MongoCollection<RawDocumentBuf>,
}

impl Store {
    /// Connects, waiting while MongoDB is away, and makes the indexes.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let mut options = ClientOptions::parse(&settings.mongodb.uri).await?;
        options.app_name = Some("receipt-writer".into());
        options.max_pool_size = u32::try_from(settings.writer.writes_in_flight + 1).ok();
        // Said here and not left to defaults: without a majority an acknowledged write can be rolled back.
        let majority = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build();
        options.write_concern = Some(majority);
        let database = Client::with_options(options)?.database(&settings.mongodb.database);
        while let Err(error) = make_indexes(&database).await {
            if is_refused(&error) {
                return Err(error);
            }
            tracing::warn!(%error, "waiting for MongoDB");
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        Ok(Self {
            receipts: database.collection(Collection::Receipts.name()),
            shifts: database.collection(Collection::Shifts.name()),
            conflicts: database.collection("conflicts"),
        })
    }

    const fn collection(&self, collection: Collection) -> &MongoCollection<RawDocumentBuf> {
        match collection {
            Collection::Receipts => &self.receipts,
            Collection::Shifts => &self.shifts,
        }
    }

    /// Writes all jobs; a verdict for each, in their order. An error says that MongoDB is away: the
    /// same jobs may be written again, whatever was stored of them.
    pub async fn write(&self, collection: Collection, jobs: &mut [Job]) -> Result<Vec<Verdict>, Error> {
        let mut verdicts: Vec<Verdict> = jobs.iter().map(|_| Verdict::Inserted).collect();
        let documents = jobs.iter().map(|job| &job.document);
        match self.collection(collection).insert_many(documents).ordered(false).await {
            Ok(_) => {}
            Err(error) => match *error.kind {
                ErrorKind::InsertMany(InsertManyError {
                    write_errors: Some(ref errors),
                    write_concern_error: None,
                    ..
                }) => {
                    for error in errors {
                        verdicts[error.index] = match error.code {
                            DUPLICATE_KEY => Verdict::Repeated,
                            _ => Verdict::Refused(Refusal(format!("MongoDB code {}: {}", error.code, error.message))),
                        };
                    }
                }
                // The batch as a whole was refused: find out for whom.
                _ if is_refused(&error) => match jobs {
                    [_] => return Ok(vec![Verdict::Refused(Refusal(error.to_string()))]),
                    _ => {
                        let (left, right) = jobs.split_at_mut(jobs.len() / 2);
                        let mut verdicts = Box::pin(self.write(collection, left)).await?;
                        verdicts.extend(Box::pin(self.write(collection, right)).await?);
                        return Ok(verdicts);
                    }
                },
                _ => return Err(error),
            },
        }
        self.judge_repeated(collection, jobs, &mut verdicts).await?;
        Ok(verdicts)
    }

    /// Judges the jobs whose `_id` was there already.
    async fn judge_repeated(
        &self,
        collection: Collection,
        jobs: &[Job],
        verdicts: &mut [Verdict],
    ) -> Result<(), Error> {
        let is_repeated = |v: &Verdict| matches!(v, Verdict::Repeated);
        let repeated: Vec<usize> = (0..jobs.len()).filter(|i| is_repeated(&verdicts[*i])).collect();
        if repeated.is_empty() {
            return Ok(());
        }
        let mut stored = self.stored(collection, repeated.iter().map(|i| jobs[*i].facts.id.as_str())).await?;
        for index in repeated {
            let job = &jobs[index];
            let Some(copy) = stored.get(&job.facts.id) else {
                continue; // removed by hand meanwhile: nothing of ours to compare with
            };
            verdicts[index] = match job.facts.judge(copy) {
                Judgement::Same => Verdict::Repeated,
                Judgement::Superseded => Verdict::Superseded,
                Judgement::Better => {
                    let instead = self.replace(collection, job, copy).await?;
                    stored.insert(job.facts.id.clone(), instead);
                    Verdict::Replaced
                }
                Judgement::ConflictLater => {
                    self.keep_conflict(job.facts.conflict_id(), &job.document).await?;
                    Verdict::Conflict
                }
                Judgement::ConflictEarlier => {
                    let filter = doc! { "_id": &job.facts.id };
                    if let Some(later) = self.collection(collection).find_one(filter).await? {
                        self.keep_conflict(copy.conflict_id(), &later).await?;
                    }
                    let instead = self.replace(collection, job, copy).await?;
                    stored.insert(job.facts.id.clone(), instead);
                    Verdict::Conflict
                }
            };
        }
        Ok(())
    }

    async fn stored(
        &self,
        collection: Collection,
        ids: impl Iterator<Item = &str>,
    ) -> Result<HashMap<String, Facts>, Error> {
        let filter = doc! { "_id": { "$in": ids.collect::<Vec<_>>() } };
        let mut found = self
            .collection(collection)
            .clone_with_type::<Document>()
            .find(filter)
            .projection(Facts::projection())
            .await?;
        let mut copies = HashMap::new();
        while found.advance().await? {
            let copy = Facts::of_stored(&found.deserialize_current()?);
            copies.insert(copy.id.clone(), copy);
        }
        Ok(copies)
    }

    /// Replaces the copy that was judged, and answers what is stored then. Another copy that came in
    /// between stays: it is judged by whoever brought it.
    async fn replace(&self, collection: Collection, job: &Job, judged: &Facts) -> Result<Facts, Error> {
        let instead = job.facts.instead_of(judged);
        let mut document = document_of(&job.document)?;
        if let Some(first) = instead.extra() {
            document.insert("first_received", first);
        }
        let collection = self.collection(collection).clone_with_type::<Document>();
        collection.replace_one(judged.filter(), document).await?;
        Ok(instead)
    }

    /// Keeps a document that has the number of another one.
    async fn keep_conflict(&self, id: String, document: &RawDocumentBuf) -> Result<(), Error> {
        let mut kept = document_of(document)?;
        kept.insert("_id", &id);
        self.conflicts.clone_with_type::<Document>().replace_one(doc! { "_id": id }, kept).upsert(true).await?;
        Ok(())
    }
}

fn document_of(raw: &RawDocumentBuf) -> Result<Document, Error> {
    Document::try_from(raw.as_ref()).map_err(|e| ErrorKind::Bson(e).into())
}

/// Each index costs MongoDB about 13 us a document; each is here for a question that people ask.
async fn make_indexes(database: &Database) -> Result<(), Error> {
    let index = |name: &str, keys: Document| {
        IndexModel::builder().keys(keys).options(IndexOptions::builder().name(name.to_owned()).build()).build()
    };
    let receipts = [
        // What did this shop sell on that day?
        index("shop_time", doc! { "tenant": 1, "shop": 1, "local_time": 1 }),
        // Which receipts of these days hold this product (recalls, disputes about a price)? The day comes first:
        // new entries then lie together, in pages that are in memory. With the product first they would lie all
        // over an index that soon is larger than memory.
        index("date_product", doc! { "tenant": 1, "local_date": 1, "items.product_key": 1 }),
        // What belongs to this shift of this register (cash does not add up)?
        index("register_shift", doc! { "tenant": 1, "register": 1, "shift_number": 1 }),
    ];
    database.collection::<Document>(Collection::Receipts.name()).create_indexes(receipts).await?;
    // When was this shift opened and closed, and what did the register count?
    let shifts = [index("register_shift", doc! { "tenant": 1, "register": 1, "shift_number": 1 })];
    database.collection::<Document>(Collection::Shifts.name()).create_indexes(shifts).await?;
    Ok(())
}

/// Whether the server (or the driver) will never accept this, whenever it is tried.
fn is_refused(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Command(command) => REFUSED.contains(&command.code),
        ErrorKind::InvalidArgument { .. } | ErrorKind::Bson(_) => true,
        _ => false,
    }
}
