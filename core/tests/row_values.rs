//! Values as a server wrote them, in its text and binary formats.
//!
//! Every case was read from hyperd 0.0.26963: an expression, the type's OID and modifier, and the value in text,
//! PostgreSQL's binary format and Hyper's.

use hyperwire_core::row::{
    AnyValue, Column, Encoding, FromValue, Geography, Numeric, Type, Value, ValueError,
};
use hyperwire_core::wire::Format;
use rstest::rstest;

#[rstest]
#[case("true::bool", 16, -1, "t", "01", "01")]
#[case("false::bool", 16, -1, "f", "00", "00")]
#[case("258::smallint", 21, -1, "258", "0102", "0201")]
#[case("(-2)::smallint", 21, -1, "-2", "fffe", "feff")]
#[case("16909060::int", 23, -1, "16909060", "01020304", "04030201")]
#[case("72623859790382856::bigint", 20, -1, "72623859790382856", "0102030405060708", "0807060504030201")]
#[case("1.5::double precision", 701, -1, "1.5", "3ff8000000000000", "000000000000f83f")]
#[case("'NaN'::double precision", 701, -1, "NaN", "7ff8000000000000", "000000000000f87f")]
#[case("'-Infinity'::double precision", 701, -1, "-Infinity", "fff0000000000000", "000000000000f0ff")]
#[case("1.5::real", 700, -1, "1.5", "3fc00000", "0000c03f")]
#[case("0.1::real", 700, -1, "0.1", "3dcccccd", "cdcccc3d")]
#[case("0.1::double precision", 701, -1, "0.1", "3fb999999999999a", "9a9999999999b93f")]
#[case("1.5::numeric(5,2)", 1700, 327686, "1.50", "000200000000000200011388", "9600000000000000")]
#[case("(-1.5)::numeric(5,2)", 1700, 327686, "-1.50", "000200004000000200011388", "6affffffffffffff")]
#[case(
    "123456789012345.678::numeric(18,3)",
    1700,
    1179655,
    "123456789012345.678",
    "0005000300000003007b11d722c509291a7c",
    "4ef330a64b9bb601"
)]
#[case("1.5::numeric(18,0)", 1700, 1179652, "2", "00010000000000000002", "0200000000000000")]
#[case(
    "1.5::numeric(19,2)",
    1700,
    1245190,
    "1.50",
    "000200000000000200011388",
    "96000000000000000000000000000000"
)]
#[case(
    "(-1.5)::numeric(38,2)",
    1700,
    2490374,
    "-1.50",
    "000200004000000200011388",
    "6affffffffffffffffffffffffffffff"
)]
#[case("1.5::numeric", 1700, 2490372, "2", "00010000000000000002", "02000000000000000000000000000000")]
#[case("1.5", 1700, 131077, "1.5", "000200000000000100011388", "0f00000000000000")]
#[case(
    "sum(1.5::numeric(5,2))",
    1700,
    2490374,
    "1.50",
    "000200000000000200011388",
    "96000000000000000000000000000000"
)]
#[case("avg(1)", 1700, 1048586, "1.000000", "0003000000000006000100000000", "40420f0000000000")]
#[case("'héllo'::text", 25, -1, "héllo", "68c3a96c6c6f", "68c3a96c6c6f")]
#[case("''::text", 25, -1, "", "", "")]
#[case("'abc'::varchar(10)", 1043, 14, "abc", "616263", "616263")]
#[case("'abc'::varchar", 25, -1, "abc", "616263", "616263")]
#[case("'abc'::char(5)", 1042, 9, "abc  ", "6162632020", "6162632020")]
#[case("'a'::char(1)", 18, -1, "a", "61", "61")]
#[case("'é'::char(1)", 18, -1, "é", "c3a9", "c3a9")]
#[case("''::char(1)", 18, -1, " ", "20", "20")]
#[case("'abc'::character varying(3)", 1043, 7, "abc", "616263", "616263")]
#[case(r#"'\x00ff61'::bytea"#, 17, -1, r#"\x00ff61"#, "00ff61", "00ff61")]
#[case("''::bytea", 17, -1, r#"\x"#, "", "")]
#[case(r#"'{"a": [1, 2.0, null]}'::json"#, 114, -1, r#"{"a": [1, 2.0, null]}"#, "7b2261223a205b312c20322e302c206e756c6c5d7d", "7b2261223a205b312c20322e302c206e756c6c5d7d")]
#[case("date '2024-02-29'", 1082, -1, "2024-02-29", "00002279", "d28a2500")]
#[case("date '0001-01-01'", 1082, -1, "0001-01-01", "fff4dbf9", "52441a00")]
#[case("date '1970-01-01'", 1082, -1, "1970-01-01", "ffffd533", "8c3d2500")]
#[case("date '2000-01-01'", 1082, -1, "2000-01-01", "00000000", "59682500")]
#[case("date '4000-12-31'", 1082, -1, "4000-12-31", "000b26e2", "3b8f3000")]
#[case("date '-infinity'", 1082, -1, "4713-01-01 BC", "ffda97cd", "26000000")]
#[case("time '12:34:56.789012'", 1083, -1, "12:34:56.789012", "0000000a8be62614", "1426e68b0a000000")]
#[case("time '00:00:00'", 1083, -1, "00:00:00", "0000000000000000", "0000000000000000")]
#[case("time '24:00:00'", 1083, -1, "24:00:00", "000000141dd76000", "0060d71d14000000")]
#[case("timestamp '2024-02-29 12:34:56.789012'", 1114, -1, "2024-02-29 12:34:56.789012", "0002b58341728614", "14e65200c238f302")]
#[case("timestamp '2000-01-01 00:00:00'", 1114, -1, "2000-01-01 00:00:00", "0000000000000000", "0060e0be3e83f002")]
#[case("timestamp '1970-01-01 00:00:00'", 1114, -1, "1970-01-01 00:00:00", "fffca2fec4c82000", "0080a8833d26ed02")]
#[case("timestamptz '2024-02-29 12:34:56.789012+02'", 1184, -1, "2024-02-29 10:34:56.789012+00", "0002b581944b3e14", "149e2b53c038f302")]
#[case("timestamp with time zone '2000-01-01 00:00:00Z'", 1184, -1, "2000-01-01 00:00:00+00", "0000000000000000", "0060e0be3e83f002")]
#[case("interval '1 year 2 months 3 days 04:05:06.789'", 1186, -1, "P1Y2M3DT4H5M6.789000S", "000000036c97ca88000000030000000e", "88ca976c03000000030000000e000000")]
#[case("interval '-1 day'", 1186, -1, "P-1D", "0000000000000000ffffffff00000000", "0000000000000000ffffffff00000000")]
#[case("interval '1 month -1 day 00:00:01'", 1186, -1, "P1M-1DT1S", "00000000000f4240ffffffff00000001", "40420f0000000000ffffffff01000000")]
#[case("interval '0'", 1186, -1, "PT0S", "00000000000000000000000000000000", "00000000000000000000000000000000")]
#[case("123::oid", 26, -1, "123", "0000007b", "7b000000")]
#[case("'550e8400-e29b-41d4-a716-446655440000'::uuid", 2950, -1, "550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000", "00004455664416a7d4419be200840e55")]
#[case("array[1,2,3]", 1007, -1, "[1,2,3]", "0000000100000000000000170000000300000001000000040000000100000004000000020000000400000003", "01000000020000000300000000")]
#[case("array[1,null,3]", 1007, -1, "[1,NULL,3]", "00000001000000000000001700000003000000010000000400000001ffffffff0000000400000003", "01000000000000000300000002")]
#[case("array['a','bc',null]", 1009, -1, r#"["a","bc",NULL]"#, "00000001000000000000001900000003000000010000000161000000026263ffffffff", "0300000001000000030000000300000004616263")]
#[case("'[]'::array(int)", 1007, -1, "[]", "0000000100000000000000170000000000000001", "")]
#[case(
    "array[1.5::numeric(5,2)]",
    1231,
    327686,
    "[1.50]",
    "0000000100000000000006a400000001000000010000000c000200000000000200011388",
    "960000000000000000"
)]
#[case("array[date '2024-01-01']", 1182, -1, r#"["2024-01-01"]"#, "00000001000000000000043a0000000100000001000000040000223e", "978a250000")]
#[case("array[timestamp '2024-02-29 12:34:56.789012']", 1115, -1, r#"["2024-02-29 12:34:56.789012"]"#, "00000001000000000000045a0000000100000001000000080002b58341728614", "14e65200c238f30200")]
#[case("'[1,2]'::array(int not null)", 1007, -1, "[1,2]", "000000010000000000000017000000020000000100000004000000010000000400000002", "010000000200000000")]
#[case("array[1.5::double precision]", 1022, -1, "[1.5]", "0000000100000000000002bd0000000100000001000000083ff8000000000000", "000000000000f83f00")]
#[case("array[1.5::real]", 1021, -1, "[1.5]", "0000000100000000000002bc0000000100000001000000043fc00000", "0000c03f00")]
#[case("array[1::smallint]", 1005, -1, "[1]", "0000000100000000000000150000000100000001000000020001", "010000")]
#[case("array[1::bigint]", 1016, -1, "[1]", "0000000100000000000000140000000100000001000000080000000000000001", "010000000000000000")]
#[case(
    "array['abc'::varchar(5)]",
    1015,
    9,
    r#"["abc"]"#,
    "000000010000000000000413000000010000000100000003616263",
    "010000000300000000616263"
)]
#[case(r#"array['\x00ff'::bytea]"#, 1001, -1, r#"["\\x00ff"]"#, "00000001000000000000001100000001000000010000000200ff", "01000000020000000000ff")]
#[case("array[interval '1 day']", 1187, -1, r#"["P1D"]"#, "0000000100000000000004a200000001000000010000001000000000000000000000000100000000", "0000000000000000010000000000000000")]
#[case("array['550e8400-e29b-41d4-a716-446655440000'::uuid]", 2951, -1, r#"["550e8400-e29b-41d4-a716-446655440000"]"#, "000000010000000000000b86000000010000000100000010550e8400e29b41d4a716446655440000", "00004455664416a7d4419be200840e5500")]
#[case("array['{}'::json]", 199, -1, r#"["{}"]"#, "0000000100000000000000720000000100000001000000027b7d", "0100000002000000007b7d")]
#[case("array[time '01:00:00']", 1183, -1, r#"["01:00:00"]"#, "00000001000000000000043b00000001000000010000000800000000d693a400", "00a493d60000000000")]
#[case("array[timestamptz '2024-02-29 12:34:56Z']", 1185, -1, r#"["2024-02-29 12:34:56+00"]"#, "0000000100000000000004a00000000100000001000000080002b58341667c00", "00dc4600c238f30200")]
#[case(
    "array[123456789012345678901.5::numeric(30,2)]",
    1231,
    1966086,
    "[123456789012345678901.50]",
    "0000000100000000000006a40000000100000001000000160007000500000002000109291a85007b11d722c51388",
    "e6444271764eb6429d0200000000000000"
)]
#[case("date '0044-03-15 BC'", 1082, -1, "0044-03-15 BC", "fff49d7b", "d4051a00")]
#[case("date '0001-12-31 BC'", 1082, -1, "0001-12-31 BC", "fff4dbf8", "51441a00")]
#[case("date '10000-01-01'", 1082, -1, "10000-01-01", "002c95d4", "2dfe5100")]
#[case("date 'infinity'", 1082, -1, "294276-12-31", "065ce7ee", "47508206")]
#[case("timestamp '0044-03-15 01:02:03.5 BC'", 1114, -1, "0044-03-15 01:02:03.5 BC", "ff1af9dfca4b39e0", "e0992b891e7d0b02")]
#[case("timestamp '12345-03-15 01:02:03.5'", 1114, -1, "12345-03-15 01:02:03.5", "0487d460675939e0", "e09939269f577807")]
#[case("timestamp '2024-01-01 00:00:00.000001'", 1114, -1, "2024-01-01 00:00:00.000001", "0002b0d5d4e94001", "01a0c9931434f302")]
#[case("timestamp '2024-01-01 00:00:00.100'", 1114, -1, "2024-01-01 00:00:00.1", "0002b0d5d4eac6a0", "a026cb931434f302")]
#[case("timestamp 'infinity'", 1114, -1, "294276-12-31 23:59:59.999999", "7fffff5bb3b29fff", "ffff92729a82f082")]
#[case("timestamp '-infinity'", 1114, -1, "4713-01-01 00:00:00 BC", "fd0f7fbdaf17e000", "0040f86dfc020000")]
#[case("timestamptz '-infinity'", 1184, -1, "4713-01-01 00:00:00+00 BC", "fd0f7fbdaf17e000", "0040f86dfc020000")]
#[case("timestamptz 'infinity'", 1184, -1, "294276-12-31 23:59:59.999999+00", "7fffff5bb3b29fff", "ffff92729a82f082")]
#[case("timestamptz '0044-03-15 01:02:03.5+00 BC'", 1184, -1, "0044-03-15 01:02:03.5+00 BC", "ff1af9dfca4b39e0", "e0992b891e7d0b02")]
#[case("time '00:00:00.5'", 1083, -1, "00:00:00.5", "000000000007a120", "20a1070000000000")]
#[case("time '00:00:00.000001'", 1083, -1, "00:00:00.000001", "0000000000000001", "0100000000000000")]
#[case("time '00:00:00.123000'", 1083, -1, "00:00:00.123", "000000000001e078", "78e0010000000000")]
#[case("interval '-13 months 5 days'", 1186, -1, "P-1Y-1M5D", "000000000000000000000005fffffff3", "000000000000000005000000f3ffffff")]
#[case("interval '1 year -1 month'", 1186, -1, "P11M", "0000000000000000000000000000000b", "0000000000000000000000000b000000")]
#[case("interval '-00:00:00.5'", 1186, -1, "PT-0.500000S", "fffffffffff85ee00000000000000000", "e05ef8ffffffffff0000000000000000")]
#[case("interval '-04:05:06.789'", 1186, -1, "PT-4H-5M-6.789000S", "fffffffc936835780000000000000000", "78356893fcffffff0000000000000000")]
#[case("interval '1000000 hours'", 1186, -1, "PT1000000H", "000cca2e513100000000000000000000", "000031512eca0c000000000000000000")]
#[case("interval '-59 minutes'", 1186, -1, "PT-59M", "ffffffff2cffe3000000000000000000", "00e3ff2cffffffff0000000000000000")]
#[case("interval '-1.000001 second'", 1186, -1, "PT-1.000001S", "fffffffffff0bdbf0000000000000000", "bfbdf0ffffffffff0000000000000000")]
#[case("interval '1 day -1 hour'", 1186, -1, "P1DT-1H", "ffffffff296c5c000000000100000000", "005c6c29ffffffff0100000000000000")]
#[case("interval '0.000001 second'", 1186, -1, "PT0.000001S", "00000000000000010000000000000000", "01000000000000000000000000000000")]
#[case("interval 'P-1Y-2M-3DT-4H-5M-6.789S'", 1186, -1, "P-1Y-2M-3DT-4H-5M-6.789000S", "fffffffc93683578fffffffdfffffff2", "78356893fcfffffffdfffffff2ffffff")]
#[case("interval '178956970 years 7 months'", 1186, -1, "P178956970Y7M", "0000000000000000000000007fffffff", "000000000000000000000000ffffff7f")]
#[case("interval '-178956970 years'", 1186, -1, "P-178956970Y", "00000000000000000000000080000008", "00000000000000000000000008000080")]
#[case("interval '1 week'", 1186, -1, "P7D", "00000000000000000000000700000000", "00000000000000000700000000000000")]
#[case("1e15::double precision", 701, -1, "1e+15", "430c6bf526340000", "00003426f56b0c43")]
#[case("1e14::double precision", 701, -1, "100000000000000", "42d6bcc41e900000", "0000901ec4bcd642")]
#[case("1e-5::double precision", 701, -1, "1e-05", "3ee4f8b588e368f1", "f168e388b5f8e43e")]
#[case("0.0001::double precision", 701, -1, "0.0001", "3f1a36e2eb1c432d", "2d431cebe2361a3f")]
#[case("'-0'::double precision", 701, -1, "-0", "8000000000000000", "0000000000000080")]
#[case("'Infinity'::double precision", 701, -1, "Infinity", "7ff0000000000000", "000000000000f07f")]
#[case("1e100::double precision", 701, -1, "1e+100", "54b249ad2594c37d", "7dc39425ad49b254")]
#[case("1e10::real", 700, -1, "1e+10", "501502f9", "f9021550")]
#[case("'nan'::real", 700, -1, "NaN", "7fc00000", "0000c07f")]
#[case("'0.00'::numeric(5,2)", 1700, 327686, "0.00", "0000000000000002", "0000000000000000")]
#[case("'-0.01'::numeric(5,2)", 1700, 327686, "-0.01", "000200004000000200000064", "ffffffffffffffff")]
#[case(
    "'99999999999999999999999999999999999999'::numeric(38,0)",
    1700,
    2490372,
    "99999999999999999999999999999999999999",
    "000a0009000000000063270f270f270f270f270f270f270f270f270f",
    "ffffffff3f228a097ac4865aa84c3b4b"
)]
#[case(
    "'-0.99999999999999999999999999999999999999'::numeric(38,38)",
    1700,
    2490410,
    "-0.99999999999999999999999999999999999999",
    "000affff40000026270f270f270f270f270f270f270f270f270f26ac",
    "01000000c0dd75f6853b79a557b3c4b4"
)]
#[case(r#"array['a"b','c\d','NULL','',' x','null', e'tab\tx', e'nl\nx', 'é', '{}', ',', null]"#, 1009, -1, "[\"a\\\"b\",\"c\\\\d\",\"NULL\",\"\",\" x\",\"null\",\"tab\tx\",\"nl\nx\",\"é\",\"{}\",\",\",NULL]", "0000000100000000000000190000000c000000010000000361226200000003635c64000000044e554c4c00000000000000022078000000046e756c6c000000057461620978000000046e6c0a7800000002c3a9000000027b7d000000012cffffffff", "0c00000003000000060000000a0000000a0000000c0000001000000015000000190000001b0000001d0000001e0000001e0000000008612262635c644e554c4c20786e756c6c74616209786e6c0a78c3a97b7d2c")]
#[case(r#"array['a"b'::char(1),'é'::char(1)]"#, 1002, -1, r#"["a","é"]"#, "0000000100000000000000120000000200000001000000016100000002c3a9", "61000000e900000000")]
#[case("array['é'::char(1),null]::array(char(1))", 1002, -1, r#"["é",NULL]"#, "000000010000000000000012000000020000000100000002c3a9ffffffff", "e90000000000000002")]
#[case("array['😀'::char(1)]", 1002, -1, r#"["😀"]"#, "000000010000000000000012000000010000000100000004f09f9880", "00f6010000")]
#[case("array[1.5::double precision,'nan'::double precision,'-infinity'::double precision, 1e20::double precision]", 1022, -1, "[1.5,NaN,-Infinity,1e+20]", "0000000100000000000002bd0000000400000001000000083ff8000000000000000000087ff800000000000000000008fff0000000000000000000084415af1d78b58c40", "000000000000f83f000000000000f87f000000000000f0ff408cb5781daf154400")]
#[case("array[interval '1 month -1 day']", 1187, -1, r#"["P1M-1D"]"#, "0000000100000000000004a20000000100000001000000100000000000000000ffffffff00000001", "0000000000000000ffffffff0100000000")]
#[case("array[true,null,false]", 1000, -1, "[t,NULL,f]", "00000001000000000000001000000003000000010000000101ffffffff0000000100", "01000002")]
#[case("array[123::oid]", 1028, -1, r#"["123"]"#, "00000001000000000000001a0000000100000001000000040000007b", "7b00000000")]
#[case(r#"array['{"a": "x\\y"}'::json]"#, 199, -1, r#"["{\"a\": \"x\\\\y\"}"]"#, "00000001000000000000007200000001000000010000000d7b2261223a2022785c5c79227d", "010000000d000000007b2261223a2022785c5c79227d")]
#[case(r#"array['\x00ff'::bytea,null]"#, 1001, -1, r#"["\\x00ff",NULL]"#, "00000001000000000000001100000002000000010000000200ffffffffff", "0200000002000000020000000200ff")]
#[case("array[date '0044-03-15 BC',null]", 1182, -1, r#"["0044-03-15 BC",NULL]"#, "00000001000000000000043a000000020000000100000004fff49d7bffffffff", "d4051a000000000002")]
#[case("array[]::array(text)", 1009, -1, "[]", "0000000100000000000000190000000000000001", "")]
#[case("array[1,2,3,4,5,6,7,8,9]", 1007, -1, "[1,2,3,4,5,6,7,8,9]", "0000000100000000000000170000000900000001000000040000000100000004000000020000000400000003000000040000000400000004000000050000000400000006000000040000000700000004000000080000000400000009", "0100000002000000030000000400000005000000060000000700000008000000090000000000")]
#[case("array[true,false,true,true,true,true,null,true]", 1000, -1, "[t,f,t,t,t,t,NULL,t]", "0000000100000000000000100000000800000001000000010100000001000000000101000000010100000001010000000101ffffffff0000000101", "010001010101000140")]
#[case("'[1,2,3]'::array(smallint)", 1005, -1, "[1,2,3]", "0000000100000000000000150000000300000001000000020001000000020002000000020003", "01000200030000")]
#[case("'00000000-0000-0000-0000-000000000000'::uuid", 2950, -1, "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", "00000000000000000000000000000000")]
fn a_value_is_the_same_in_every_format_and_is_displayed_as_the_server_writes_it(
    #[case] expression: &str,
    #[case] oid: u32,
    #[case] modifier: i32,
    #[case] text: &str,
    #[case] pg_binary: &str,
    #[case] hyper_binary: &str,
) {
    let read = |bytes: &[u8], format| {
        AnyValue::from_value(bytes, &Encoding::with_modifier(Type::from_oid(oid), modifier, format))
    };

    let from_text = read(text.as_bytes(), Format::Text).expect(expression);
    let from_binary = read(&hex(hyper_binary), Format::HyperBinary).expect(expression);

    assert_eq!(from_text.to_string(), text);
    // NaN is not equal to itself, but looks the same.
    assert_eq!(format!("{from_binary:?}"), format!("{from_text:?}"));
    // PostgreSQL's binary format is read only where it is no work, and then rightly.
    match read(&hex(pg_binary), Format::PgBinary) {
        Ok(value) => assert_eq!(value, from_text),
        Err(error) => assert_eq!(error, ValueError::UnsupportedFormat),
    }
}

fn hex(digits: &str) -> Vec<u8> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "{digits}");
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(|pair| byte(pair).expect("two digits")).collect()
}

fn read<'a, T: FromValue<'a>>(ty: Type, format: Format, bytes: &'a [u8]) -> Result<T, ValueError> {
    T::from_value(bytes, &Encoding::new(ty, format))
}

/// The bytes could also be three booleans without a map of NULLs, which hyperd never sends.
#[test]
fn an_array_is_read_in_one_way_only() {
    let expected = AnyValue::Array(vec![AnyValue::Bool(true), AnyValue::Bool(false)]);
    assert_eq!(read(Type::BoolArray, Format::Text, b"[t,f]"), Ok(expected.clone()));
    assert_eq!(read(Type::BoolArray, Format::HyperBinary, &[1, 0, 0]), Ok(expected));
}

#[test]
fn text_that_is_no_array_is_refused() {
    for text in
        ["", "[", "]", "[1", "[1,]", "[,1]", "[[1],[2]]", r#"["1"#, r#"["1"2]"#, r#"[1"2"]"#, r#"["\"]"#]
    {
        let error = read::<Vec<AnyValue>>(Type::IntegerArray, Format::Text, text.as_bytes());
        assert!(matches!(error, Err(ValueError::Malformed(_))), "{text:?}: {error:?}");
    }
}

#[test]
fn geography_is_text_in_text_and_opaque_in_binary() {
    let wkt = "POINT(1.0000000 2.0000000)";
    let opaque = hex("07aa021102917901010a00f2c9f2cc0284a5b9a601");

    let from_text = read(Type::Geography, Format::Text, wkt.as_bytes());
    let from_binary = read(Type::Geography, Format::HyperBinary, &opaque);

    assert_eq!(from_text, Ok(Geography::Text(wkt.into())));
    assert_eq!(from_binary, Ok(Geography::Opaque(opaque.as_slice().into())));
}

#[test]
fn a_regclass_is_a_name_in_text_and_an_oid_in_binary() {
    assert_eq!(read(Type::RegClass, Format::Text, b"pg_class"), Ok("pg_class"));
    assert_eq!(read(Type::RegClass, Format::HyperBinary, &hex("eb040000")), Ok(1259_u32));
    assert_eq!(read::<u32>(Type::RegType, Format::Text, b"integer"), Err(ValueError::WrongType));
    assert_eq!(read(Type::RegTypeArray, Format::HyperBinary, &hex("1700000000")), Ok(vec![23_u32]));
}

/// What the server sends for `'["a"]'::array(char(5))`.
#[test]
fn an_element_of_char_is_padded_in_text_only() {
    let binary = hex("01000000010000000061");
    assert_eq!(read(Type::CharArray, Format::Text, br#"["a    "]"#), Ok(vec!["a    ".to_owned()]));
    assert_eq!(read(Type::CharArray, Format::HyperBinary, &binary), Ok(vec!["a".to_owned()]));
}

/// The escaped form is from a session with `bytea_output=escape`.
#[test]
fn a_byte_string_is_read_in_both_forms_of_text() {
    let bytes = b"\\\x00\xffa\xc3\xa9'\x7f~ ".to_vec();
    let escaped = b"\\\\\\000\\377a\\303\\251'\x7f~ ";
    assert_eq!(read(Type::Bytes, Format::Text, escaped), Ok(bytes.clone()));
    assert_eq!(read(Type::Bytes, Format::Text, br"\x5c00ff61c3a9277f7e20"), Ok(bytes));
    for broken in [&br"\x0"[..], br"\xzz", br"\00", br"\400", b"\\"] {
        let read = read::<Vec<u8>>(Type::Bytes, Format::Text, broken);
        assert!(matches!(read, Err(ValueError::Malformed(_))), "{broken:?}");
    }
}

#[test]
fn integers_widen_and_nothing_else_converts() {
    let two = 2_i16.to_le_bytes();
    assert_eq!(read(Type::SmallInt, Format::HyperBinary, &two), Ok(2_i16));
    assert_eq!(read(Type::SmallInt, Format::HyperBinary, &two), Ok(2_i32));
    assert_eq!(read(Type::SmallInt, Format::Text, b"2"), Ok(2_i128));
    assert_eq!(read(Type::Oid, Format::HyperBinary, &u32::MAX.to_le_bytes()), Ok(i64::from(u32::MAX)));
    assert_eq!(read(Type::Real, Format::HyperBinary, &1.5_f32.to_le_bytes()), Ok(1.5_f64));

    assert_eq!(read::<i16>(Type::Integer, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<i32>(Type::Oid, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<u32>(Type::Integer, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<f32>(Type::Double, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<f64>(Type::Numeric, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<f64>(Type::Integer, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<&str>(Type::Integer, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<&[u8]>(Type::Text, Format::Text, b"2"), Err(ValueError::WrongType));
    assert_eq!(read::<Vec<i32>>(Type::Integer, Format::Text, b"2"), Err(ValueError::WrongType));
}

#[test]
fn a_value_that_is_not_what_its_type_calls_for_has_its_error() {
    use ValueError::{CannotBorrow, Malformed, OutOfRange, UnsupportedFormat, WrongLength};

    let wrong_length = |expected, found| WrongLength { expected, found };
    assert_eq!(read::<i32>(Type::Integer, Format::HyperBinary, &[0; 3]), Err(wrong_length(4, 3)));
    assert_eq!(read::<bool>(Type::Bool, Format::HyperBinary, &[]), Err(wrong_length(1, 0)));
    assert_eq!(read::<bool>(Type::Bool, Format::HyperBinary, &[2]), Err(Malformed("a boolean, 0 or 1")));
    assert_eq!(read::<i32>(Type::Integer, Format::Text, b"2147483648"), Err(OutOfRange));
    assert_eq!(read::<i32>(Type::Integer, Format::Text, b"two"), Err(Malformed("an integer")));
    assert_eq!(read::<i32>(Type::Integer, Format::PgBinary, &[0; 4]), Err(UnsupportedFormat));
    assert_eq!(read::<&str>(Type::Text, Format::HyperBinary, &[0xff]), Err(Malformed("UTF-8")));
    assert_eq!(read::<&[u8]>(Type::Bytes, Format::Text, b"\\x00"), Err(CannotBorrow));
    assert_eq!(read::<AnyValue>(Type::Date, Format::HyperBinary, &[0; 4]), Err(OutOfRange));
    assert_eq!(read::<AnyValue>(Type::Time, Format::HyperBinary, &[0xff; 8]), Err(OutOfRange));
    assert_eq!(read::<AnyValue>(Type::Timestamp, Format::HyperBinary, &[0xff; 8]), Err(OutOfRange));
    assert_eq!(read::<AnyValue>(Type::Other(9), Format::HyperBinary, &[0]), Err(UnsupportedFormat));
    assert_eq!(read(Type::Other(9), Format::Text, b"x"), Ok(AnyValue::Text("x".into())));
}

#[test]
fn an_error_names_the_column_and_both_types() {
    let column = Column::new("price", Encoding::with_modifier(Type::Numeric, 1_179_654, Format::HyperBinary));

    let wrong_type = Value::new(Some(&[0; 8]), &column, 3).get::<i32>().expect_err("a numeric is no i32");
    let null = Value::new(None, &column, 3).get::<Numeric>().expect_err("NULL");

    assert_eq!(
        wrong_type.to_string(),
        "column 3 (\"price\") of type numeric(18, 2) in format HyperBinary as i32: this Rust type does not take that \
         SQL type: ask for a matching type, or cast in the statement"
    );
    assert!(null.to_string().contains("the value is NULL: ask for an Option"), "{null}");
    assert_eq!(Value::new(None, &column, 3).get(), Ok(None::<Numeric>));
    assert_eq!(Value::new(None, &column, 3).get(), Ok(AnyValue::Null));
}
