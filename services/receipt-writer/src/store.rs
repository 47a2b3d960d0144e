//! MongoDB: collections, indexes, inserts, and the changes that a second copy asks for.

use std::{collections::HashMap, pin::pin};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::{
    Client, Collection as MongoCollection, Database, IndexModel,
    bson::{Bson, Document, RawDocumentBuf, doc},
    error::{Error, ErrorKind, InsertManyError, WriteFailure},
    options::{ClientOptions, IndexOptions, ReadPreference, SelectionCriteria, WriteConcern},
};

use crate::{
    Settings,
    copies::Facts,
    settle::{self, Change, Found, Shelf},
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

    /// Where documents of this kind lie that share a number.
    const fn conflicts(self) -> &'static str {
        match self {
            Self::Receipts => "conflicts",
            Self::Shifts => "shift_conflicts",
        }
    }
}

/// What became of one document.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// It is stored.
    Inserted,
    /// The very same copy is stored already.
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
#[derive(Debug, Clone)]
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
/// Documents with second copies that one batch settles at the same time.
const SETTLED_AT_ONCE: usize = 8;
/// Looks at one number before its batch is written again after a pause. Each further look says that another writer
/// changed the same number at that moment.
const MOST_LOOKS: usize = 20;

/// The database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    /// Connects, waiting while MongoDB is away, and makes the indexes.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let mut options = ClientOptions::parse(&settings.mongodb.uri).await?;
        options.app_name = Some("receipt-writer".into());
        options.max_pool_size = u32::try_from(settings.writer.writes_in_flight * SETTLED_AT_ONCE + 1).ok();
        // Said here and not left to defaults: without a majority an acknowledged write can be rolled back.
        let majority = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build();
        options.write_concern = Some(majority);
        // The looks at what is kept must see all that was written before.
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let database = Client::with_options(options)?.database(&settings.mongodb.database);
        while let Err(error) = make_indexes(&database).await {
            if is_refused(&error) {
                return Err(error);
            }
            tracing::warn!(%error, "waiting for MongoDB");
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        Ok(Self { database })
    }

    /// Writes all jobs; a verdict for each, in their order. An error says that MongoDB is away: the
    /// same jobs may be written again, whatever was stored of them.
    pub async fn write(&self, collection: Collection, jobs: &mut [Job]) -> Result<Vec<Verdict>, Error> {
        let mut verdicts: Vec<Verdict> = jobs.iter().map(|_| Verdict::Inserted).collect();
        let documents = jobs.iter().map(|job| &job.document);
        let raw: MongoCollection<RawDocumentBuf> = self.database.collection(collection.name());
        match raw.insert_many(documents).ordered(false).await {
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
        let stored = self.stored(collection, repeated.iter().map(|i| &*jobs[*i].id)).await?;
        let judged = stream::iter(repeated).map(async |index| {
            let job = &jobs[index];
            self.judge(collection, job, stored.get(&job.id)).await.map(|verdict| (index, verdict))
        });
        let mut judged = pin!(judged.buffer_unordered(SETTLED_AT_ONCE));
        while let Some((index, verdict)) = judged.try_next().await? {
            verdicts[index] = verdict;
        }
        Ok(())
    }

    async fn judge(&self, collection: Collection, job: &Job, stored: Option<&Facts>) -> Result<Verdict, Error> {
        match stored {
            Some(copy) if copy.is_same_copy(&job.facts) => Ok(Verdict::Repeated),
            // What a number keeps only grows: however old this look is, the job adds nothing.
            Some(copy) if copy.covers(&job.facts) => Ok(Verdict::Superseded),
            _ => match self.settle(collection, job).await {
                Err(error) if is_refused(&error) => Ok(Verdict::Refused(Refusal(error.to_string()))),
                settled => settled,
            },
        }
    }

    async fn stored(
        &self,
        collection: Collection,
        ids: impl Iterator<Item = &str>,
    ) -> Result<HashMap<String, Facts>, Error> {
        let filter = doc! { "_id": { "$in": ids.collect::<Vec<_>>() } };
        let documents = self.documents(collection, Shelf::Numbers);
        let fields: Document = Facts::FIELDS.into_iter().map(|field| (field.to_owned(), Bson::from(1))).collect();
        let mut found = documents.find(filter).projection(fields).await?;
        let mut copies = HashMap::new();
        while found.advance().await? {
            let document: Document = found.deserialize_current()?;
            copies.insert(document.get_str("_id").unwrap_or_default().to_owned(), Facts::of_stored(&document));
        }
        Ok(copies)
    }

    /// Makes what is kept of the job's number what it should be with this copy.
    ///
    /// Several writers may be at it. Each change happens only if the document still is what was
    /// seen, and the look that ends this one's work comes after its last change: so whoever changes
    /// last sees all that the others did.
    async fn settle(&self, collection: Collection, job: &Job) -> Result<Verdict, Error> {
        let new = Found { shelf: Shelf::Numbers, facts: job.facts.clone(), document: document_of(&job.document)? };
        let mut verdict = None;
        for _ in 0..MOST_LOOKS {
            let found = self.look(collection, &job.id, &new).await?;
            let settled = settle::settle(&job.id, &found, &new);
            let verdict = verdict.get_or_insert(settled.verdict);
            if settled.changes.is_empty() {
                return Ok(verdict.clone());
            }
            for change in settled.changes {
                if !self.apply(collection, change).await? {
                    break;
                }
            }
        }
        Err(Error::custom(format!("{} is being changed by others all the time", job.id)))
    }

    /// What is kept of a number, as far as it decides about a new copy.
    async fn look(&self, collection: Collection, id: &str, new: &Found) -> Result<Vec<Found>, Error> {
        let counts = self.documents(collection, Shelf::Numbers).find_one(doc! { "_id": id }).await?;
        let counts = counts.map(|document| Found::new(Shelf::Numbers, document));
        let filter = doc! { "_id": { "$in": settle::conflicts_to_see(id, counts.as_ref(), new) } };
        let mut found = Vec::from_iter(counts);
        let mut conflicts = self.documents(collection, Shelf::Conflicts).find(filter).await?;
        while conflicts.advance().await? {
            found.push(Found::new(Shelf::Conflicts, conflicts.deserialize_current()?));
        }
        Ok(found)
    }

    /// Whether the change happened; if not, somebody else changed the document first.
    async fn apply(&self, collection: Collection, change: Change) -> Result<bool, Error> {
        let documents = self.documents(collection, change.shelf);
        match change.seen {
            Some(seen) => Ok(documents.replace_one(seen, change.document).await?.matched_count == 1),
            None => match documents.insert_one(change.document).await {
                Ok(_) => Ok(true),
                Err(error) if is_duplicate(&error) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    fn documents(&self, collection: Collection, shelf: Shelf) -> MongoCollection<Document> {
        self.database.collection(match shelf {
            Shelf::Numbers => collection.name(),
            Shelf::Conflicts => collection.conflicts(),
        })
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

fn is_duplicate(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

/// Whether the server (or the driver) will never accept this, whenever it is tried.
fn is_refused(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Command(command) => REFUSED.contains(&command.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => REFUSED.contains(&error.code),
        ErrorKind::InvalidArgument { .. } | ErrorKind::Bson(_) => true,
        _ => false,
    }
}
