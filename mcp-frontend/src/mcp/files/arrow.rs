//! Arrow data, brought to the types and the layout that hyperd reads.

use std::collections::HashMap;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::plain::no_room;
use super::text_table::distinct;
use crate::mcp::disk::{Charged, File, Temporary, TemporaryPath, shown};
use crate::mcp::failure::Failure;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::StreamWriter;
use arrow_json::writer::{EncoderOptions, make_encoder};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

/// Rows of a batch that is written: what is converted at a time.
const ROWS: usize = 16 * 1024;

/// A column as hyperd has it.
#[derive(Clone, Debug)]
pub(crate) struct ArrowColumn {
    pub(crate) name: String,
    /// Hyper's type.
    pub(crate) ty: String,
    become_: Become,
}

/// What has to happen to a column.
#[derive(Clone, Debug, PartialEq)]
enum Become {
    Same,
    Cast(DataType),
    /// Lists, structs and maps, as JSON.
    Json,
}

/// Where batches come from.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// Opens an Arrow file or stream; true if it is a file.
pub(crate) fn open(path: &Path) -> Result<(SchemaRef, Batches, bool), Failure> {
    let broken = |error: ArrowError| Failure::new(format!("{} is no Arrow data: {error}.", shown(path)));
    let mut file = File::open(path).map_err(|error| broken(error.into()))?;
    let mut magic = [0; 6];
    let is_file = file.read(&mut magic).is_ok_and(|read| read == 6) && magic == *b"ARROW1";
    file.rewind().map_err(|error| broken(error.into()))?;
    if magic.starts_with(b"FEA1") {
        return Err(Failure::new(format!(
            "{} is a Feather file of version 1, which nobody writes any more. Next: write it again with pyarrow.feather.",
            path.display()
        )));
    }
    let file = BufReader::new(file);
    if is_file {
        let reader = FileReader::try_new(file, None).map_err(broken)?;
        Ok((reader.schema(), Box::new(reader), true))
    } else {
        let reader = StreamReader::try_new(file, None).map_err(broken)?;
        Ok((reader.schema(), Box::new(reader), false))
    }
}

/// Opens a Parquet file.
pub(crate) fn open_parquet(path: &Path) -> Result<(SchemaRef, Batches), Failure> {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder as Builder;

    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(format!("{} cannot be read as Parquet: {error}.", shown(path)))
    };
    let file = File::open(path).map_err(|error| broken(&error))?;
    let builder = Builder::try_new(Pieces(file)).map_err(|error| broken(&error))?;
    let schema = builder.schema().clone();
    let reader = builder.with_batch_size(ROWS / 2).build().map_err(|error| broken(&error))?;
    Ok((schema, Box::new(reader)))
}

/// A file of which the Parquet reader wants pieces.
struct Pieces(File);

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.0.size().unwrap_or(0)
    }
}

impl ChunkReader for Pieces {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let mut file = self.0.clone();
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut file = self.0.clone();
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// What the columns are to be.
pub(crate) fn plan(schema: &Schema, warnings: &mut Vec<String>) -> Result<Vec<ArrowColumn>, Failure> {
    let names = distinct(schema.fields().iter().map(|field| field.name().clone()), warnings);
    let columns = names.into_iter().zip(schema.fields()).map(|(name, field)| {
        let (ty, become_) = target(field).ok_or_else(|| {
            Failure::new(format!(
                "Column \"{name}\" has the type {}, which Hyper has nothing like. Next: leave it out of the file, or \
                 write it as text.",
                field.data_type()
            ))
        })?;
        if let DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Time64(TimeUnit::Nanosecond) =
            field.data_type()
        {
            warnings.push(format!("Column \"{name}\" counts nanoseconds; Hyper keeps microseconds."));
        }
        Ok(ArrowColumn { name, ty, become_ })
    });
    columns.collect()
}

/// Whether hyperd can read the data itself, unless it is compressed.
pub(crate) fn is_readable(schema: &Schema, columns: &[ArrowColumn]) -> bool {
    let same_names = schema.fields().iter().zip(columns).all(|(field, column)| *field.name() == column.name);
    same_names && columns.iter().all(|column| column.become_ == Become::Same)
}

/// Hyper's type for a field, and how to get there.
fn target(field: &FieldRef) -> Option<(String, Become)> {
    use DataType as D;
    let same = |ty: &str| Some((ty.to_owned(), Become::Same));
    let cast = |ty: &str, to: DataType| Some((ty.to_owned(), Become::Cast(to)));
    let decimal = |precision: u8, scale: i8, is_same: bool| {
        let ty = format!("numeric({precision},{scale})");
        if precision > 38 || !(0..=precision as i8).contains(&scale) {
            return Some(("text".to_owned(), Become::Cast(D::Utf8)));
        }
        Some((ty, if is_same { Become::Same } else { Become::Cast(D::Decimal128(precision, scale)) }))
    };
    match field.data_type() {
        D::Boolean => same("boolean"),
        D::Int8 | D::Int16 => same("smallint"),
        D::UInt8 => cast("smallint", D::Int16),
        D::Int32 => same("integer"),
        D::UInt16 => cast("integer", D::Int32),
        D::Int64 => same("bigint"),
        D::UInt32 => cast("bigint", D::Int64),
        D::UInt64 => cast("numeric(20,0)", D::Decimal128(20, 0)),
        D::Float16 => cast("double precision", D::Float64),
        D::Float32 => same("real"),
        D::Float64 => same("double precision"),
        D::Decimal128(precision, scale) => decimal(*precision, *scale, true),
        D::Decimal32(precision, scale) | D::Decimal64(precision, scale) | D::Decimal256(precision, scale) => {
            decimal(*precision, *scale, false)
        }
        D::Utf8 if field.metadata().is_empty() => same("text"),
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Null => cast("text", D::Utf8),
        D::Binary if field.metadata().is_empty() => same("bytea"),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => cast("bytea", D::Binary),
        D::Date32 => same("date"),
        D::Date64 => cast("date", D::Date32),
        D::Time64(TimeUnit::Microsecond) => same("time"),
        D::Time32(_) | D::Time64(_) => cast("time", D::Time64(TimeUnit::Microsecond)),
        D::Timestamp(TimeUnit::Microsecond, None) => same("timestamp"),
        D::Timestamp(_, None) => cast("timestamp", D::Timestamp(TimeUnit::Microsecond, None)),
        D::Timestamp(TimeUnit::Microsecond, Some(_)) => same("timestamptz"),
        D::Timestamp(_, Some(zone)) => {
            cast("timestamptz", D::Timestamp(TimeUnit::Microsecond, Some(zone.clone())))
        }
        D::Duration(_) => cast("bigint", D::Int64),
        D::Interval(IntervalUnit::MonthDayNano) => same("interval"),
        D::Interval(_) => cast("interval", D::Interval(IntervalUnit::MonthDayNano)),
        D::Dictionary(_, value) => {
            let (ty, become_) = target(&Arc::new(Field::new("", (**value).clone(), true)))?;
            match become_ {
                Become::Same => Some((ty, Become::Cast((**value).clone()))),
                become_ => Some((ty, become_)),
            }
        }
        D::List(_)
        | D::LargeList(_)
        | D::FixedSizeList(..)
        | D::ListView(_)
        | D::LargeListView(_)
        | D::Struct(_)
        | D::Map(..) => Some(("json".to_owned(), Become::Json)),
        _ => None,
    }
}

/// Writes batches as a stream that hyperd reads.
pub(crate) struct Rewriting {
    columns: Vec<ArrowColumn>,
    out: StreamWriter<BufWriter<Charged>>,
    schema: SchemaRef,
    path: TemporaryPath,
}

impl Rewriting {
    pub(crate) fn begin(columns: Vec<ArrowColumn>, from: &Schema, scratch: &Path) -> Result<Self, Failure> {
        let fields: Vec<_> =
            columns.iter().zip(from.fields()).map(|(column, field)| column.field(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let (file, path) = Temporary::new_in(scratch).map_err(|error| no_room(&error))?.into_parts();
        let out = StreamWriter::try_new(BufWriter::with_capacity(1 << 17, file), &schema).map_err(written)?;
        Ok(Self { columns, out, schema, path })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        for start in (0..batch.num_rows()).step_by(ROWS) {
            let part = batch.slice(start, ROWS.min(batch.num_rows() - start));
            let arrays: Vec<_> = self
                .columns
                .iter()
                .zip(part.columns())
                .map(|(column, array)| {
                    column.convert(array).map_err(|error| {
                        Failure::new(format!("Column \"{}\" cannot be converted: {error}.", column.name))
                    })
                })
                .collect::<Result<_, _>>()?;
            let converted = RecordBatch::try_new(self.schema.clone(), arrays).map_err(written)?;
            self.out.write(&converted).map_err(written)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<TemporaryPath, Failure> {
        self.out.finish().map_err(written)?;
        self.out.flush().map_err(written)?;
        Ok(self.path)
    }
}

fn written(error: ArrowError) -> Failure {
    match error {
        ArrowError::IoError(_, error) => no_room(&error),
        error => Failure::new(format!("Arrow data cannot be written: {error}.")),
    }
}

impl ArrowColumn {
    fn field(&self, from: &Field) -> Field {
        match &self.become_ {
            Become::Same => Field::new(&self.name, from.data_type().clone(), true),
            Become::Cast(ty) => Field::new(&self.name, ty.clone(), true),
            Become::Json => Field::new(&self.name, DataType::Utf8, true)
                .with_metadata(HashMap::from([("hyper:type".to_owned(), "JSON".to_owned())])),
        }
    }

    fn convert(&self, array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match &self.become_ {
            Become::Same => Ok(array.clone()),
            // What does not fit is an error, not NULL.
            Become::Cast(ty) => {
                let options = arrow_cast::CastOptions { safe: false, ..Default::default() };
                arrow_cast::cast_with_options(array, ty, &options)
            }
            Become::Json => documents(array),
        }
    }
}

fn documents(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let field: FieldRef = Arc::new(Field::new("value", array.data_type().clone(), true));
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(&field, array, &options)?;
    let mut all = StringBuilder::new();
    let mut json = Vec::new();
    for index in 0..array.len() {
        if array.is_null(index) {
            all.append_null();
            continue;
        }
        json.clear();
        encoder.encode(index, &mut json);
        all.append_value(str::from_utf8(&json).map_err(|error| ArrowError::JsonError(error.to_string()))?);
    }
    Ok(Arc::new(all.finish()))
}
