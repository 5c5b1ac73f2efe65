//! The steps of opening, in their order.

use super::directory::{self, Found, Lock};
use super::heap::Heap;
use super::reserve::Reserve;
use super::resident::typical_value_bytes;
use super::{
    Engine, Examination, NextView, Store, StoreOptions, Syncing, examine, loss, watermark,
};
use crate::cache::{Caches, RowCache};
use crate::catalog::{Catalog, Move};
use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::{
    CatalogKey, Fence, IDENTITY_KEY, check_known, decode_contract, decode_fence, decode_floor,
    parse_key,
};
use crate::format::checksum;
use crate::format::key::{HashKey, Prefix, view_of};
use crate::format::marker::Marker;
use crate::format::position::Position;
use crate::format::reader::Reader;
use crate::format::watermark::Watermark;
use crate::id::ViewId;
use crate::kv::{Family, Kv, KvOptions, Walk};
use crate::time::{Clock, SystemClock, Timestamp};
use crate::trace;
use crate::write::{Gate, Owner, Poison, Quarantine, Stripes, Syncer, Writer};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// The sequence number of a store that was made and never handed out: its identity is its only row.
const MADE: u64 = 1;

impl Store {
    pub(super) fn open_with(
        options: StoreOptions,
        path: &Path,
        temp: Option<tempfile::TempDir>,
    ) -> Result<Store> {
        let _doing = trace::open(path);
        let shares = options.shares()?;
        // 1. Look, before a byte is changed: a newer format is refused here.
        let found = directory::look(path)?;
        if matches!(found, Found::Nothing) {
            if !options.create {
                return Err(Error::not_found(format!(
                    "there is no store in {}; create one first (`asof view apply`, or \
                     StoreOptions::create_if_missing)",
                    path.display()
                )));
            }
            directory::create(path)?;
        }
        // 2. Own it. Who comes second may find a store that was not there a moment ago.
        let lock = Lock::take(path, SystemClock.now())?;
        let found = directory::look(path)?;
        if matches!(found, Found::Nothing)
            && directory::is_unfinished(path)
            && examine::examine(path, None)?.sequence > MADE
        {
            return Err(directory::forgotten(path));
        }
        // Where that fails for lack of space, once more with what was held back for it.
        let reserve = Arc::new(Reserve::of(path, options.reserve_bytes));
        reserve.make();
        let recovered = match recover(path, &options, &found, &reserve) {
            Err(error) if error.kind() == ErrorKind::StorageFull && reserve.give_up() => {
                recover(path, &options, &found, &reserve)?
            }
            recovered => recovered?,
        };
        let Recovered {
            kv,
            catalog,
            next_view,
            quarantine,
            found,
        } = recovered;
        let (kv, catalog) = (Arc::new(kv), Arc::new(catalog));
        // 6. Have in memory what is to be there.
        let cache = match shares.row_cache {
            0 => None,
            bytes => {
                let typical = typical_value_bytes(&kv, &catalog.all());
                Some(RowCache::new(bytes as u64, typical)?)
            }
        };
        let caches = Caches::new(cache, options.resident.load(&kv, &catalog, &shares)?);
        // 7. Start what runs beside. Where a thread is not to be had, the one before ends by itself.
        let heap = options.memory.budget.map(Heap::keep).transpose()?.flatten();
        let syncer = Arc::new(Syncer::default());
        let held_back = reserve.clone();
        let poison = Poison::new(move || {
            held_back.release();
        });
        let thread = Syncing {
            syncer: syncer.clone(),
            kv: kv.clone(),
            catalog: catalog.clone(),
            clock: options.clock.clone(),
            poison: poison.clone(),
        };
        let thread = thread.start()?;
        let writer = Writer {
            kv,
            caches,
            catalog,
            syncer,
            stripes: Stripes::new(),
            quarantine,
            poison,
            owner: Owner::default(),
            gate: Gate::default(),
            newest: Mutex::new(()),
            exact_receipts: options.exact_receipts,
        };
        trace::opened(path, writer.catalog.all().len());
        writer.tell_left_out();
        Ok(Store(Arc::new(Engine {
            path: path.to_path_buf(),
            found,
            reserve,
            clock: options.clock,
            writer,
            administration: Mutex::new(NextView(next_view)),
            syncer: Mutex::new(Some(thread)),
            heap: Mutex::new(heap),
            _lock: lock,
            _temp: temp,
        })))
    }
}

/// What opening has brought back.
struct Recovered {
    kv: Kv,
    catalog: Catalog,
    next_view: u32,
    quarantine: Quarantine,
    found: Examination,
}

fn recover(
    path: &Path,
    options: &StoreOptions,
    found: &Found,
    reserve: &Reserve,
) -> Result<Recovered> {
    let mut database = KvOptions {
        merges: reserve.check().is_ok(),
        ..options.of_database()?
    };
    // 3. Read the log and the manifest strictly and hold them against the watermark, before RocksDB
    //    opens them: opening rewrites the log, so afterwards is too late. Cut off what is torn.
    // 4. Open or make the database.
    let (kv, hash_key, found) = match found {
        Found::Store(marker) => {
            database.tag = marker.tag();
            let (watermark, found) = loss::settle(path, marker, options.loss, &database)?;
            let kv = Kv::open(&directory::db(path), false, &database)?;
            check_identity(&kv, marker)?;
            watermark::keep(path, &kv, watermark)?;
            (kv, marker.hash_key, found)
        }
        Found::Nothing => {
            let (kv, marker) = make(path, database)?;
            (kv, marker.hash_key, Examination::of(Vec::new()))
        }
    };
    // 5. Read the catalog. What recovery has brought back is durable: it was flushed.
    let catalog = Catalog::new(hash_key, options.resident.names());
    let next_view = load_catalog(&kv, &catalog)?;
    let quarantine = Quarantine::open(&kv, options.quarantine_max)?;
    // An erase that a crash cut short is carried out before anybody can ask.
    super::erase::complete(&kv, &catalog, &quarantine, options.clock.now())?;
    Ok(Recovered {
        kv,
        catalog,
        next_view,
        quarantine,
        found,
    })
}

/// Makes a store. The marker is put in place last, so that a store that is found is whole.
fn make(path: &Path, mut options: KvOptions) -> Result<(Kv, Marker)> {
    let marker = Marker {
        store_id: random()?,
        hash_key: HashKey(random()?),
    };
    options.tag = marker.tag();
    directory::begin(path, &marker)?;
    let kv = Kv::open(&directory::db(path), true, &options)?;
    let mut batch = kv.batch();
    batch.put(Family::Catalog, &IDENTITY_KEY, |out| {
        out.extend(marker.store_id)
    });
    batch.commit()?;
    kv.sync()?;
    let first = Watermark {
        store: marker.store_id,
        ..Watermark::default()
    };
    watermark::keep(path, &kv, watermark::create(path, first)?)?;
    // The marker's name must not reach the disk before theirs.
    directory::sync_directory(path)?;
    directory::finish(path)?;
    Ok((kv, marker))
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Io, "the operating system gives no random bytes")
            .caused_by(e.to_string())
    })?;
    Ok(bytes)
}

/// Checks that marker and database belong together: under another hash key no row is found.
fn check_identity(kv: &Kv, marker: &Marker) -> Result<()> {
    let stored = kv.get(Family::Catalog, &IDENTITY_KEY, None)?;
    let stored = stored.ok_or_else(|| {
        Error::corrupt("the database does not say which store it is; restore the store")
    })?;
    if checksum::open("the identity", &IDENTITY_KEY, &stored)? == marker.store_id {
        return Ok(());
    }
    Err(Error::corrupt(
        "the marker (asof.store) and the database (db) belong to different stores; put back the two \
         that belong together",
    ))
}

fn load_catalog(kv: &Kv, catalog: &Catalog) -> Result<u32> {
    let mut next_view = 1;
    let mut newest: Vec<(ViewId, Timestamp)> = Vec::new();
    let mut floors: Vec<(ViewId, Timestamp)> = Vec::new();
    let mut fences: Vec<(Prefix, Fence)> = Vec::new();
    let mut positions: Vec<Move> = Vec::new();
    let mut cursor = kv.cursor(Family::Catalog, Walk::Range, None);
    cursor.seek(&[])?;
    while let Some((key, stored)) = cursor.item() {
        let value = checksum::open("a row of the catalog", key, stored)?;
        check_known(key, value)?;
        let mut reader = Reader::new("a row of the catalog", value);
        match parse_key(key) {
            Some(CatalogKey::Identity) => {}
            Some(CatalogKey::NextView) => next_view = reader.u32()?,
            Some(CatalogKey::View(_)) => drop(catalog.insert(decode_contract(value)?)),
            Some(CatalogKey::Newest(id)) => {
                newest.push((id, Timestamp::from_micros(reader.i64()?)));
            }
            Some(CatalogKey::Floor(id)) => floors.push((id, decode_floor(value)?.0)),
            Some(CatalogKey::Fence(prefix)) => fences.push((prefix, decode_fence(value)?)),
            Some(CatalogKey::Position(source, partition)) => positions.push(Move {
                source,
                partition,
                to: Position::decode(value)?,
            }),
            // Read on their own, once the fences are up.
            Some(CatalogKey::Erasure(_)) => {}
            None => unreachable!("it is known"),
        }
        cursor.next()?;
    }
    let view = |id: ViewId| {
        catalog.by_id(id).ok_or_else(|| {
            Error::corrupt(format!(
                "the catalog speaks of view {id} and does not have it"
            ))
        })
    };
    for (id, et) in newest {
        view(id)?.accepted(et);
    }
    for (id, floor) in floors {
        view(id)?.raise_floor(floor);
    }
    for (prefix, fence) in fences {
        view(view_of(&prefix)?)?.raise_fence(prefix, fence);
    }
    catalog.sources.settle(positions);
    Ok(next_view)
}
