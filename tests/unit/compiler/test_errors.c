/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_errors.c: what is refused: with which code, at which
 * spot, and with which hint.
 */
#include "rig.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { PG = 1, MARIA = 2, SQLITE = 4, ALL = 7 };

static const struct {
    const char *query; /* or {"query":…} with params */
    enum err code;
    const char *path;
    const char *hint;  /* part of it; NULL: any */
    unsigned dialects; /* 0: all */
} cases[] = {
    /* forms */
    {"[]", ERR_BAD_QUERY, "/query", "select", 0},
    {"{}", ERR_BAD_QUERY, "/query", "select", 0},
    {"5", ERR_BAD_QUERY, "/query", NULL, 0},
    {"{\"select\":[]}", ERR_EMPTY_LIST, "/query/select", NULL, 0},
    {"{\"select\":5}", ERR_BAD_QUERY, "/query/select", NULL, 0},
    {"{\"select\":[{}]}", ERR_EMPTY_LIST, "/query/select/0", NULL, 0},
    {"{\"select\":[{\"\":1}]}", ERR_BAD_QUERY, "/query/select/0/", NULL, 0},
    {"{\"select\":\"*\"}", ERR_BAD_QUERY, "/query/select", NULL, 0},
    {"{\"select\":[1],\"wehre\":true}", ERR_UNKNOWN_KEY, "/query/wehre", "`where`", 0},
    {"{\"select\":[1],\"window\":{}}", ERR_BAD_QUERY, "/query/window", NULL, 0},
    {"{\"text\":\"begin\"}", ERR_UNSUPPORTED_FEATURE, "/query/text", NULL, 0},
    {"{\"find\":\"User\"}", ERR_UNSUPPORTED_FEATURE, "/query/find", NULL, 0},
    {"{\"select\":[1],\"distinct\":false}", ERR_BAD_QUERY, "/query/distinct", NULL, 0},
    {"{\"select\":[1],\"join\":[]}", ERR_BAD_QUERY, "/query/join", NULL, 0},
    /* names */
    {"{\"select\":[\"nmae\"],\"from\":\"users\"}", ERR_UNKNOWN_COLUMN, "/query/select/0",
     "`name`", 0},
    {"{\"select\":[\"users.nmae\"],\"from\":\"users\"}", ERR_UNKNOWN_COLUMN, "/query/select/0",
     "`name`", 0},
    {"{\"select\":[\"name\"],\"from\":\"user\"}", ERR_UNKNOWN_TABLE, "/query/from", "`users`",
     0},
    {"{\"select\":[\"name\"],\"from\":\"other.users\"}", ERR_UNKNOWN_TABLE, "/query/from", NULL,
     0},
    {"{\"select\":[\"name\"],\"from\":\"a.b.c\"}", ERR_BAD_QUERY, "/query/from", NULL, 0},
    {"{\"select\":[\"name\"],\"from\":\":t\"}", ERR_BAD_QUERY, "/query/from", NULL, 0},
    {"{\"select\":[\"name\"],\"from\":[\"users\"]}", ERR_BAD_QUERY, "/query/from", NULL, 0},
    {"{\"select\":[\"name\"],\"from\":{}}", ERR_BAD_QUERY, "/query/from", NULL, 0},
    {"{\"select\":[\"u.name\"],\"from\":\"users\"}", ERR_UNKNOWN_TABLE, "/query/select/0", NULL,
     0},
    {"{\"select\":[\"users.name\"],\"from\":{\"u\":\"users\"}}", ERR_UNKNOWN_TABLE,
     "/query/select/0", "`u`", 0},
    {"{\"select\":[\"x.*\"],\"from\":\"users\"}", ERR_UNKNOWN_TABLE, "/query/select/0", NULL,
     0},
    {"{\"select\":[\"id\"],\"from\":\"users\",\"join\":[{\"inner\":\"orders\"}]}",
     ERR_AMBIGUOUS_COLUMN, "/query/select/0", "`users.id` or `orders.id`", 0},
    {"{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",\"addresses.id\",1]}",
     ERR_CARTESIAN_PRODUCT, "/query/where/1", "join", 0},
    {"{\"select\":[\"..\"],\"from\":\"users\"}", ERR_BAD_QUERY, "/query/select/0", NULL, 0},
    {"{\"select\":[\"\"],\"from\":\"users\"}", ERR_BAD_QUERY, "/query/select/0", NULL, 0},
    {"{\"select\":[{\"x\":{\"name\":[]}}],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/x", NULL, 0},
    {"{\"select\":[{\"x\":{\"name\":[5]}}],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/x/name/0", NULL, 0},
    {"{\"select\":[\"name; drop table users\"],\"from\":\"users\"}", ERR_UNKNOWN_COLUMN,
     "/query/select/0", NULL, 0},
    {"{\"select\":[{\"a\":\"id\"},{\"a\":\"age\"}],\"from\":\"users\",\"order_by\":[\"a\"]}",
     ERR_AMBIGUOUS_COLUMN, "/query/order_by/0", NULL, 0},
    {"{\"select\":[{\"a\":\"id\"}],\"from\":\"users\",\"where\":[\"=\",\"a\",1]}",
     ERR_UNKNOWN_COLUMN, "/query/where/1", NULL, 0},
    {"{\"select\":[{\"a\":\"id\"}],\"from\":\"users\",\"group_by\":[\"a\"]}",
     ERR_UNKNOWN_COLUMN, "/query/group_by/0", NULL, 0},
    /* expressions */
    {"{\"select\":[[]]}", ERR_BAD_QUERY, "/query/select/0", NULL, 0},
    {"{\"select\":[[5]]}", ERR_BAD_QUERY, "/query/select/0", NULL, 0},
    {"{\"select\":[[\"lowr\",\"name\"]],\"from\":\"users\"}", ERR_UNKNOWN_OPERATOR,
     "/query/select/0/0", "`lower`", 0},
    {"{\"select\":[[\"fn.now\"]]}", ERR_FORBIDDEN, "/query/select/0/0", NULL, 0},
    {"{\"select\":[[\"regexp_replace\",\"name\",\"name\",\"name\",\"g\"]],\"from\":"
     "\"users\"}",
     ERR_BAD_QUERY, "/query/select/0/4", "ignores case", 0},
    {"{\"select\":[[\"regexp\",\"age\",\"name\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"lower\"]]}", ERR_BAD_ARITY, "/query/select/0", NULL, 0},
    {"{\"select\":[[\"lower\",\"name\",1]],\"from\":\"users\"}", ERR_BAD_ARITY,
     "/query/select/0", NULL, 0},
    {"{\"select\":[[\"+\",1]]}", ERR_BAD_ARITY, "/query/select/0", NULL, 0},
    {"{\"select\":[[\"like\",1]]}", ERR_BAD_ARITY, "/query/select/0", NULL, 0},
    {"{\"select\":[1],\"where\":[\"and\"]}", ERR_EMPTY_LIST, "/query/where", NULL, 0},
    {"{\"select\":[1],\"where\":[\"or\"]}", ERR_EMPTY_LIST, "/query/where", NULL, 0},
    {"{\"select\":[{\"x\":{\"over\":1}}]}", ERR_BAD_QUERY, "/query/select/0/x/over", NULL, 0},
    {"{\"select\":[{\"x\":{\"aggregate\":1}}]}", ERR_BAD_QUERY, "/query/select/0/x/aggregate",
     NULL, 0},
    {"{\"select\":[{\"x\":{\"foo\":1}}]}", ERR_BAD_QUERY, "/query/select/0/x", NULL, 0},
    {"{\"select\":[{\"x\":{\"case\":[]}}]}", ERR_EMPTY_LIST, "/query/select/0/x/case", NULL, 0},
    {"{\"select\":[{\"x\":{\"case\":[[true]]}}]}", ERR_BAD_QUERY, "/query/select/0/x/case/0",
     NULL, 0},
    {"{\"select\":[{\"x\":{\"case\":[[true,1]],\"esle\":2}}]}", ERR_UNKNOWN_KEY,
     "/query/select/0/x/esle", "`else`", 0},
    {"{\"select\":[{\"x\":{\"value\":1,\"tpye\":\"integer\"}}]}", ERR_UNKNOWN_KEY,
     "/query/select/0/x/tpye", "`type`", 0},
    {"{\"select\":[{\"x\":{\"value\":1,\"type\":\"int\\u0034\"}}]}", ERR_UNKNOWN_TYPE,
     "/query/select/0/x/type", NULL, 0},
    {"{\"select\":[[\"cast\",1,5]]}", ERR_UNKNOWN_TYPE, "/query/select/0/2", NULL, 0},
    {"{\"select\":[{\"x\":{\"value\":[1]}}]}", ERR_TYPE_MISMATCH, "/query/select/0/x", "json",
     0},
    {"{\"select\":[{\"x\":\"*\"}],\"from\":\"users\"}", ERR_BAD_QUERY, "/query/select/0/x",
     NULL, 0},
    {"{\"select\":[[\"exists\",1]]}", ERR_BAD_QUERY, "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"in\",1,\"name\"]],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/2", "value", 0},
    {"{\"select\":[[\"in\",\"name\",[\"Alice\"]]],\"from\":\"users\"}", ERR_UNKNOWN_COLUMN,
     "/query/select/0/2/0", "{\"value\"", 0},
    {"{\"select\":[[\"in\",\"id\",{\"select\":[1,2]}]],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[{\"x\":{\"select\":[1,2]}}]}", ERR_BAD_QUERY, "/query/select/0/x", NULL, 0},
    /* types */
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"=\",\"age\",{\"value\":\"5\"}]}",
     ERR_TYPE_MISMATCH, "/query/where/2", "without quotes", 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"=\",\"name\",5]}", ERR_TYPE_MISMATCH,
     "/query/where/2", "string", 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"=\",\"is_active\",1]}", ERR_TYPE_MISMATCH,
     "/query/where/2", "true or false", 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"=\",\"age\",\"name\"]}",
     ERR_TYPE_MISMATCH, "/query/where/2", "cast", 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"<\",\"name\",[\"+\",\"age\",1]]}",
     ERR_TYPE_MISMATCH, "/query/where/2", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":\"age\"}", ERR_TYPE_MISMATCH, "/query/where",
     NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":1}", ERR_TYPE_MISMATCH, "/query/where", NULL,
     0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"and\",true,\"age\"]}", ERR_TYPE_MISMATCH,
     "/query/where/2", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"not\",\"name\"]}", ERR_TYPE_MISMATCH,
     "/query/where/1", NULL, 0},
    {"{\"select\":[[\"lower\",\"age\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"sum\",\"name\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"max\",\"is_active\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"+\",\"name\",1]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"+\",\"created_at\",1]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0", "interval", 0},
    {"{\"select\":[[\"||\",\"name\",\"salary\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/2", "cast", 0},
    {"{\"select\":[[\"coalesce\",\"name\",1]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"%\",\"dbl\",2]],\"from\":\"things\"}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0", "numeric", 0},
    {"{\"select\":[[\"/\",\"loose\",2]],\"from\":\"things\"}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0", "cast", 0},
    {"{\"select\":[[\"round\",\"exact\",\"big\"]],\"from\":\"things\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/2", "case", 0},
    {"{\"select\":[[\"round\",\"exact\",31]],\"from\":\"things\"}", ERR_OUT_OF_RANGE,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"<<\",\"big\",64]],\"from\":\"things\"}", ERR_OUT_OF_RANGE,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"&\",\"exact\",1]],\"from\":\"things\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"sqrt\",[\"random\"]]]}", ERR_UNSUPPORTED_FEATURE, "/query/select/0/1",
     "subquery", MARIA},
    {"{\"select\":[1],\"from\":\"things\",\"where\":[\"=\",\"doc\",{\"value\":\"x\"}]}",
     ERR_TYPE_MISMATCH, "/query/where", NULL, 0},
    {"{\"select\":[1],\"from\":\"things\",\"where\":[\"=\",\"odd\",{\"value\":\"x\"}]}",
     ERR_TYPE_MISMATCH, "/query/where/2", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"in\",\"age\",[1,{\"value\":\"x\"}]]}",
     ERR_TYPE_MISMATCH, "/query/where/2/1", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"in\",\"age\",[{\"value\":\"x\"}]]}",
     ERR_TYPE_MISMATCH, "/query/where/2", NULL, 0},
    {"{\"select\":[[\"try_cast\",\"name\",\"json\"]],\"from\":\"users\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0", NULL, 0},
    {"{\"select\":[[\"substr\",\"name\",\"name\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"lpad\",\"name\",-1]],\"from\":\"users\"}", ERR_OUT_OF_RANGE,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"md5\",\"age\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"||\",\"raw\",\"code\"]],\"from\":\"things\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"collate\",\"name\",\"klingon\"]],\"from\":\"users\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/2", "binary", 0},
    {"{\"select\":[[\"collate\",\"name\",\"binray\"]],\"from\":\"users\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/2", "did you mean `binary`", 0},
    {"{\"select\":[[\"collate\",\"name\",\"C\\\" ; drop\"]],\"from\":\"users\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/2", NULL, 0},
    {"{\"select\":[{\"x\":{\"case\":[[true,1],[true,{\"value\":\"a\"}]]}}]}", ERR_TYPE_MISMATCH,
     "/query/select/0/x/case/1/1", NULL, 0},
    /* values */
    {"{\"select\":[1],\"limit\":-1}", ERR_BAD_VALUE, "/query/limit", NULL, 0},
    {"{\"select\":[1],\"limit\":1.5}", ERR_BAD_QUERY, "/query/limit", NULL, 0},
    {"{\"select\":[1],\"offset\":\"id\"}", ERR_BAD_QUERY, "/query/offset", NULL, 0},
    {"{\"select\":[[\"substr\",\"name\",0]],\"from\":\"users\"}", ERR_OUT_OF_RANGE,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"like\",\"name\",{\"value\":\"x\"},"
     "{\"value\":\"ab\"}]}",
     ERR_BAD_VALUE, "/query/where/3/value", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\"=\",\"born\",{\"value\":\"2024-02-30\"}]"
     "}",
     ERR_BAD_VALUE, "/query/where/2/value", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"age\":1},{\"age\":99999999999}]}", ERR_OUT_OF_RANGE,
     "/query/rows/1/age", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"age\":\"x\"}]}", ERR_TYPE_MISMATCH,
     "/query/rows/0/age", NULL, 0},
    /* joins */
    {"{\"select\":[\"users.id\"],\"from\":\"users\",\"join\":[{\"inner\":\"departments\"}]}",
     ERR_AMBIGUOUS_JOIN, "/query/join/0", "on", 0},
    {"{\"select\":[\"m.id\"],\"from\":\"employees\",\"join\":[{\"left\":{\"m\":\"employees\"}}]"
     "}",
     ERR_AMBIGUOUS_JOIN, "/query/join/0", "manager_id", 0},
    {"{\"select\":[\"users.id\"],\"from\":\"users\",\"join\":[{\"inner\":\"users\"}]}",
     ERR_AMBIGUOUS_TABLE, "/query/join/0/inner", "alias", 0},
    {"{\"select\":[1],\"from\":{\"a\":\"users\",\"b\":\"orders\"}}", ERR_CARTESIAN_PRODUCT,
     "/query/from/b", "cross", 0},
    {"{\"select\":[1],\"from\":\"users\",\"join\":[{\"inner\":\"orders\",\"on\":true}]}",
     ERR_CARTESIAN_PRODUCT, "/query/join/0/inner", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"join\":[{\"inner\":\"orders\",\"on\":[\"=\","
     "\"total\",1]}]}",
     ERR_CARTESIAN_PRODUCT, "/query/join/0/inner", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"join\":[{\"inner\":\"orders\",\"on\":[\"=\","
     "\"users.id\",\"addresses.id\"]},{\"inner\":\"addresses\"}]}",
     ERR_CARTESIAN_PRODUCT, "/query/join/0/on/2", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"join\":[{\"inner\":\"orders\",\"left\":\"orders\"}]"
     "}",
     ERR_BAD_QUERY, "/query/join/0/left", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"join\":[{\"on\":true}]}", ERR_BAD_QUERY,
     "/query/join/0", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"join\":[{\"cross\":\"orders\",\"on\":true}]}",
     ERR_BAD_QUERY, "/query/join/0/on", NULL, 0},
    {"{\"select\":[1],\"from\":{\"f\":{\"function\":[\"unnest\"]}}}", ERR_BAD_ARITY,
     "/query/from/f/function", NULL, 0},
    {"{\"select\":[1],\"from\":{\"f\":{\"select\":[{\"a\":1},{\"a\":2}]}}}", ERR_DUPLICATE_NAME,
     "/query/from/f", NULL, 0},
    /* grouping and order */
    {"{\"select\":[\"name\",[\"count\",\"*\"]],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0", "group_by", 0},
    {"{\"select\":[\"name\"],\"from\":\"users\",\"group_by\":[\"city\"]}", ERR_BAD_QUERY,
     "/query/select/0", "group_by", 0},
    {"{\"select\":[\"city\"],\"from\":\"users\",\"group_by\":[\"city\"],\"order_by\":[\"age\"]"
     "}",
     ERR_BAD_QUERY, "/query/order_by/0", NULL, 0},
    {"{\"select\":[\"city\"],\"from\":\"users\",\"group_by\":[\"city\"],\"having\":[\">\","
     "\"age\",1]}",
     ERR_BAD_QUERY, "/query/having/1", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"where\":[\">\",[\"count\",\"*\"],1]}", ERR_BAD_QUERY,
     "/query/where/1", "having", 0},
    {"{\"select\":[[\"sum\",[\"max\",\"age\"]]],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"group_by\":[[\"count\",\"*\"]]}", ERR_BAD_QUERY,
     "/query/group_by/0", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"group_by\":[1]}", ERR_BAD_QUERY, "/query/group_by/0",
     NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"order_by\":[1]}", ERR_BAD_QUERY, "/query/order_by/0",
     NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"order_by\":[{\"desc\":{\"value\":\"x\"}}]}",
     ERR_BAD_QUERY, "/query/order_by/0/desc", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"order_by\":[{\"asc\":\"id\",\"desc\":\"id\"}]}",
     ERR_BAD_QUERY, "/query/order_by/0", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"order_by\":[{\"asc\":\"id\",\"nulls\":\"frist\"}]}",
     ERR_BAD_QUERY, "/query/order_by/0/nulls", NULL, 0},
    {"{\"select\":[1],\"from\":\"users\",\"order_by\":[]}", ERR_EMPTY_LIST, "/query/order_by",
     NULL, 0},
    {"{\"select\":[\"city\"],\"distinct\":true,\"from\":\"users\",\"order_by\":[\"age\"]}",
     ERR_BAD_QUERY, "/query/order_by/0", NULL, 0},
    {"{\"select\":[\"doc\"],\"distinct\":true,\"from\":\"things\"}", ERR_TYPE_MISMATCH,
     "/query/select/0", NULL, 0},
    {"{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",1,{\"select\":[[\"count\","
     "\"users.id\"]],\"from\":\"orders\"}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/where/2/select/0", NULL, 0},
    {"{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"exists\",{\"select\":[1],\"from\":"
     "\"orders\",\"group_by\":[\"users.age\"]}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/where/1/group_by/0", NULL, 0},
    {"{\"select\":[\"id\"],\"from\":\"users\",\"order_by\":[[\"count\",\"*\"]]}", ERR_BAD_QUERY,
     "/query/order_by/0", NULL, 0},
    /* writes */
    {"{\"update\":\"users\",\"set\":{\"age\":1}}", ERR_MISSING_WHERE, "/query", "true", 0},
    {"{\"delete\":\"users\"}", ERR_MISSING_WHERE, "/query", "true", 0},
    {"{\"delete\":\"users\",\"where\":false,\"limit\":1}", ERR_UNKNOWN_KEY, "/query/limit",
     NULL, 0},
    {"{\"delete\":\"users\",\"using\":\"orders\",\"where\":true}", ERR_CARTESIAN_PRODUCT,
     "/query/using", NULL, 0},
    {"{\"update\":\"users\",\"where\":true}", ERR_BAD_QUERY, "/query", NULL, 0},
    {"{\"update\":\"users\",\"set\":{},\"where\":true}", ERR_EMPTY_LIST, "/query/set", NULL, 0},
    {"{\"update\":\"users\",\"set\":{\"agee\":1},\"where\":true}", ERR_UNKNOWN_COLUMN,
     "/query/set/agee", "`age`", 0},
    {"{\"update\":\"users\",\"data\":{\"age\":1},\"set\":{\"age\":1},\"where\":true}",
     ERR_DUPLICATE_NAME, "/query/set/age", NULL, 0},
    {"{\"update\":\"users\",\"set\":{\"age\":[\"count\",\"*\"]},\"where\":true}", ERR_BAD_QUERY,
     "/query/set/age", NULL, 0},
    {"{\"update\":\"users\",\"set\":{\"age\":\"salary\"},\"where\":true}", ERR_TYPE_MISMATCH,
     "/query/set/age", "cast", 0},
    {"{\"update\":\"users\",\"set\":{\"age\":\"name\"},\"where\":true}", ERR_TYPE_MISMATCH,
     "/query/set/age", NULL, 0},
    {"{\"update\":\"things\",\"set\":{\"twice\":1},\"where\":true}", ERR_BAD_QUERY,
     "/query/set/twice", NULL, 0},
    {"{\"update\":\"things\",\"set\":{\"odd\":{\"value\":\"x\"}},\"where\":true}",
     ERR_UNSUPPORTED_FEATURE, "/query/set/odd", NULL, 0},
    {"{\"update\":\"things\",\"set\":{\"day\":[\"now\"]},\"where\":true}", ERR_TYPE_MISMATCH,
     "/query/set/day", NULL, 0},
    {"{\"update\":\"adults\",\"set\":{\"id\":1},\"where\":true}", ERR_UNSUPPORTED_FEATURE,
     "/query/update", NULL, 0},
    {"{\"update\":{\"u\":{\"select\":[1]}},\"set\":{\"id\":1},\"where\":true}", ERR_BAD_QUERY,
     "/query/update", NULL, 0},
    {"{\"update\":\"users\",\"data\":[{\"age\":1}],\"where\":true}", ERR_BAD_QUERY,
     "/query/data", NULL, 0},
    {"{\"update\":\"orders\",\"set\":{\"id\":1},\"where\":true,\"returning\":[\"id\"]}",
     ERR_UNSUPPORTED_FEATURE, "/query/returning", "primary key", MARIA},
    {"{\"update\":\"orders\",\"set\":{\"total\":{\"select\":[[\"max\",\"o.total\"]],\"from\":"
     "{\"o\":\"orders\"}}},\"where\":true,\"returning\":[\"id\"]}",
     ERR_UNSUPPORTED_FEATURE, "/query/returning", "select", MARIA},
    {"{\"insert\":\"users\"}", ERR_BAD_QUERY, "/query", "[{}]", 0},
    {"{\"insert\":\"users\",\"rows\":[5]}", ERR_BAD_QUERY, "/query/rows/0", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":{\"age\":1}}", ERR_BAD_QUERY, "/query/rows", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{}}", ERR_BAD_QUERY,
     "/query/conflict", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":[]}", ERR_BAD_QUERY,
     "/query/conflict", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"replace\"}}",
     ERR_BAD_QUERY, "/query/conflict/do", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"set\":{"
     "\"age\":1}}}",
     ERR_BAD_QUERY, "/query/conflict", "which", 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"id\"]}}",
     ERR_EMPTY_LIST, "/query/conflict", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":[],"
     "\"set\":{\"age\":1}}}",
     ERR_EMPTY_LIST, "/query/conflict/on", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"ide\"],\"set\":{\"age\":1}}}",
     ERR_UNKNOWN_COLUMN, "/query/conflict/on/0", "id", 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"age\"],\"set\":{\"age\":1}}}",
     ERR_BAD_QUERY, "/query/conflict/on", "id", 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"id\"],\"set\":{\"age\":\"age\"}}}",
     ERR_AMBIGUOUS_COLUMN, "/query/conflict/set/age", "new.age", 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"id\"],\"set\":{\"age\":\"new.agee\"}}}",
     ERR_UNKNOWN_COLUMN, "/query/conflict/set/age", "age", 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"id\"],\"set\":{\"age\":true}}}",
     ERR_TYPE_MISMATCH, "/query/conflict/set/age", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"id\"],\"data\":{\"age\":\"x\"}}}",
     ERR_TYPE_MISMATCH, "/query/conflict/data/age", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"update\",\"on\":["
     "\"id\"],\"data\":{\"age\":1},\"set\":{\"age\":1}}}",
     ERR_DUPLICATE_NAME, "/query/conflict/set/age", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\",\"on\":["
     "\"id\"],\"set\":{\"age\":1}}}",
     ERR_BAD_QUERY, "/query/conflict/set", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\","
     "\"constraint\":\"nope\"}}",
     ERR_BAD_QUERY, "/query/conflict/constraint", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\","
     "\"constraint\":\"x\",\"on\":[\"id\"]}}",
     ERR_BAD_QUERY, "/query/conflict/constraint", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\",\"index_"
     "where\":true}}",
     ERR_BAD_QUERY, "/query/conflict/index_where", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\",\"on\":["
     "\"id\"],\"index_where\":[\"=\",\"age\",1]}}",
     ERR_UNSUPPORTED_FEATURE, "/query/conflict/index_where", NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\",\"on\":[["
     "\"lower\",\"name\"]]}}",
     ERR_UNSUPPORTED_FEATURE, "/query/conflict/on/0", "plain", MARIA},
    {"{\"insert\":\"users\",\"rows\":[{\"id\":1}],\"conflict\":{\"do\":\"nothing\",\"then\":1}"
     "}",
     ERR_UNKNOWN_KEY, "/query/conflict/then", NULL, 0},
    {"{\"insert\":\"users\",\"from_query\":{\"select\":[1]}}", ERR_UNKNOWN_COLUMN,
     "/query/from_query", NULL, 0},
    {"{\"insert\":\"users\",\"columns\":[\"id\"],\"from_query\":{\"select\":[1,2]}}",
     ERR_BAD_QUERY, "/query/columns", NULL, 0},
    {"{\"insert\":\"users\",\"columns\":[\"id\"],\"from_query\":{\"select\":[true]}}",
     ERR_TYPE_MISMATCH, "/query/from_query/select/0", "cast", 0},
    {"{\"insert\":\"users\",\"rows\":[{}],\"from_query\":{\"select\":[1]}}", ERR_BAD_QUERY,
     "/query/rows", NULL, 0},
    {"{\"insert\":\"users\",\"from_query\":[1]}", ERR_BAD_QUERY, "/query/from_query", NULL, 0},
    {"{\"update\":\"users\",\"set\":{\"age\":1},\"from\":\"orders\",\"where\":true}",
     ERR_CARTESIAN_PRODUCT, "/query/from", "cross", 0},
    {"{\"update\":\"users\",\"set\":{\"age\":\"id\"},\"from\":\"orders\",\"where\":[\"=\","
     "\"user_id\",\"users.id\"]}",
     ERR_AMBIGUOUS_COLUMN, "/query/set/age", "orders.id", 0},
    {"{\"update\":\"users\",\"set\":{\"age\":1},\"join\":[{\"left\":\"orders\"}],\"where\":"
     "true}",
     ERR_UNSUPPORTED_FEATURE, "/query/join/0", "from", 0},
    {"{\"update\":\"users\",\"set\":{\"age\":1},\"from\":\"users\",\"where\":true}",
     ERR_AMBIGUOUS_TABLE, "/query/from", "alias", 0},
    {"{\"delete\":\"users\",\"using\":\"orders\",\"where\":[\"=\",\"user_id\",\"users.id\"],"
     "\"returning\":[\"orders.id\"]}",
     ERR_CARTESIAN_PRODUCT, "/query/returning/0", NULL, 0},
    {"{\"insert\":\"users\",\"columns\":[\"id\"],\"values\":[[1,2]]}", ERR_BAD_QUERY,
     "/query/values/0", NULL, 0},
    {"{\"insert\":\"users\",\"columns\":[\"id\",\"id\"],\"values\":[[1,2]]}",
     ERR_DUPLICATE_NAME, "/query/columns/1", NULL, 0},
    {"{\"insert\":\"users\",\"columns\":[\"id\"]}", ERR_BAD_QUERY, "/query/columns", NULL, 0},
    {"{\"insert\":\"users\",\"columns\":[\"id\"],\"values\":[[1]],\"rows\":[]}", ERR_BAD_QUERY,
     "/query/rows", NULL, 0},
    {"{\"insert\":\"users\",\"set\":{\"age\":\"id\"}}", ERR_UNKNOWN_COLUMN, "/query/set/age",
     NULL, 0},
    {"{\"insert\":\"users\",\"rows\":[{\"nmae\":1}]}", ERR_UNKNOWN_COLUMN, "/query/rows/0/nmae",
     "`name`", 0},
    {"{\"insert\":\"orders\",\"rows\":[{\"id\":1}],\"returning\":[[\"count\",\"*\"]]}",
     ERR_BAD_QUERY, "/query/returning/0", NULL, 0},
    {"{\"delete\":\"orders\",\"where\":true,\"returning\":[{\"x\":{\"select\":[1]}}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/returning/0/x", NULL, 0},
    /* params */
    {"{\"query\":{\"select\":[\":a\"]},\"params\":{}}", ERR_MISSING_PARAM, "/query/select/0",
     NULL, 0},
    {"{\"query\":{\"select\":[\":nmae\"]},\"params\":{\"name\":1}}", ERR_MISSING_PARAM,
     "/query/select/0", "`name`", 0},
    {"{\"query\":{\"select\":[1]},\"params\":{\"a\":1}}", ERR_UNUSED_PARAM, "/params/a", NULL,
     0},
    {"{\"query\":{\"select\":[\":a b\"]},\"params\":{\"a b\":1}}", ERR_BAD_QUERY,
     "/query/select/0", NULL, 0},
    {"{\"query\":{\"select\":[\":\"]},\"params\":{}}", ERR_BAD_QUERY, "/query/select/0", NULL,
     0},
    {"{\"query\":{\"select\":[\":a\"]},\"params\":{\"a\":[1]}}", ERR_TYPE_MISMATCH,
     "/query/select/0", NULL, 0},
    {"{\"query\":{\"select\":[1],\"from\":\"users\",\"where\":[\"in\",\"id\",\":a\"]},"
     "\"params\":{\"a\":5}}",
     ERR_TYPE_MISMATCH, "/params/a", NULL, 0},
    {"{\"query\":{\"select\":[1],\"from\":\"users\",\"where\":[\"in\",\"id\",\":a\"]},"
     "\"params\":{\"a\":[5,\"x\"]}}",
     ERR_TYPE_MISMATCH, "/query/where/2", NULL, 0},
    {"{\"query\":{\"select\":[1],\"from\":\"users\",\"where\":[\"in\",\"born\",\":a\"]},"
     "\"params\":{\"a\":[\"2024-01-01\",\"x\"]}}",
     ERR_BAD_VALUE, "/params/a/1", NULL, 0},
    {"{\"query\":{\"select\":[1],\"limit\":\":l\"},\"params\":{\"l\":\"5\"}}", ERR_BAD_VALUE,
     "/params/l", NULL, 0},
    {"{\"query\":{\"insert\":\"users\",\"rows\":\":r\"},\"params\":{\"r\":[{\"age\":\"x\"}]}}",
     ERR_TYPE_MISMATCH, "/params/r/0/age", NULL, 0},
    {"{\"query\":{\"insert\":\"users\",\"rows\":\":r\"},\"params\":{}}", ERR_MISSING_PARAM,
     "/query/rows", NULL, 0},
    {"{\"query\":{\"insert\":\"users\",\"rows\":\":r\"},\"params\":{\"r\":5}}", ERR_BAD_QUERY,
     "/params/r", NULL, 0},
    {"{\"query\":{\"delete\":\"users\",\"where\":true},\"expect\":\"count\"}", ERR_BAD_REQUEST,
     "/query", NULL, 0},
    /* rows, lists */
    {"{\"select\":[[\"tuple\",1,2]]}", ERR_BAD_QUERY, "/query/select/0", NULL, 0},
    {"{\"select\":[[\"tuple\",1]]}", ERR_BAD_ARITY, "/query/select/0", NULL, 0},
    {"{\"select\":[[\"=\",[\"tuple\",1,2],3]]}", ERR_BAD_QUERY, "/query/select/0/2", "tuple",
     0},
    {"{\"select\":[[\"=\",3,[\"tuple\",1,2]]]}", ERR_BAD_QUERY, "/query/select/0/1", "tuple",
     0},
    {"{\"select\":[[\"=\",[\"tuple\",1,2],[\"tuple\",1,2,3]]]}", ERR_BAD_QUERY,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"in\",[\"tuple\",1,2],[1,2]]]}", ERR_BAD_QUERY, "/query/select/0/2", NULL,
     0},
    {"{\"query\":{\"select\":[[\"in\",[\"tuple\",1,2],\":p\"]]},\"params\":{\"p\":[[1,2],[3]]}"
     "}",
     ERR_BAD_VALUE, "/params/p/1", NULL, 0},
    {"{\"query\":{\"select\":[[\"in\",[\"tuple\",1,2],\":p\"]]},\"params\":{\"p\":[[1,2],3]}}",
     ERR_BAD_VALUE, "/params/p/1", NULL, 0},
    {"{\"select\":[[\"any\",1,\"like\",[1]]]}", ERR_BAD_QUERY, "/query/select/0/2", "<=", 0},
    {"{\"select\":[[\"any\",1,\"<\",2]]}", ERR_BAD_QUERY, "/query/select/0/3", NULL, 0},
    {"{\"select\":[[\"any\",1,\"<\",{\"select\":[1,2]}]]}", ERR_BAD_QUERY, "/query/select/0/3",
     NULL, 0},
    /* dates */
    {"{\"select\":[[\"date_add\",\"mont\",1,\"born\"]],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/1", "`month`", 0},
    {"{\"select\":[[\"date_add\",\":u\",1,\"born\"]],\"from\":\"users\"}", ERR_BAD_QUERY,
     "/query/select/0/1", NULL, 0},
    {"{\"select\":[[\"date_add\",\"hour\",1,\"born\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/3", "timestamp", 0},
    {"{\"select\":[[\"extract\",\"year\",\"name\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"-\",\"born\",\"born\"]],\"from\":\"users\"}", ERR_TYPE_MISMATCH,
     "/query/select/0", "date_diff", 0},
    {"{\"query\":{\"select\":[[\"format_date\",\"born\",\":f\"]],\"from\":\"users\"},"
     "\"params\":{\"f\":\"%a\"}}",
     ERR_BAD_VALUE, "/params/f", "%Y", 0},
    {"{\"select\":[[\"format_date\",\"born\",\"name\"]],\"from\":\"users\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/2", NULL, 0},
    /* json */
    {"{\"select\":[[\"->\",\"doc\",[]]],\"from\":\"things\"}", ERR_EMPTY_LIST,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"->\",\"doc\",\"a\"]],\"from\":\"things\"}", ERR_BAD_QUERY,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"->\",\"doc\",[\"a\",1.5]]],\"from\":\"things\"}", ERR_BAD_QUERY,
     "/query/select/0/2", NULL, 0},
    {"{\"select\":[[\"->\",\"day\",[\"a\"]]],\"from\":\"things\"}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL, 0},
    {"{\"query\":{\"select\":[[\"->\",\"doc\",\":p\"]],\"from\":\"things\"},\"params\":{\"p\":["
     "[]]}}",
     ERR_BAD_VALUE, "/params/p/0", NULL, 0},
    {"{\"query\":{\"select\":[[\"->\",\"doc\",\":p\"]],\"from\":\"things\"},\"params\":{\"p\":["
     "0]}}",
     ERR_UNSUPPORTED_FEATURE, "/params/p/0", "write the path out", MARIA},
    {"{\"select\":[[\"json_contains\",\"doc\",\"doc\"]],\"from\":\"things\"}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0", NULL, MARIA},
    {"{\"select\":[[\"json_object\",{\"value\":\"a\"}]]}", ERR_BAD_ARITY, "/query/select/0",
     NULL, 0},
    /* of the database */
    {"{\"select\":[[\"op\",\"; drop\",1,2]]}", ERR_UNSUPPORTED_FEATURE, "/query/select/0/1",
     NULL, 0},
    {"{\"select\":[[\"array\",1,2]]}", ERR_UNSUPPORTED_FEATURE, "/query/select/0", "json",
     MARIA | SQLITE},
};

static void check_case(struct rig *r, int i, unsigned d)
{
    char request[2048];
    const char *q = cases[i].query;
    bool whole = strncmp(q, "{\"query\":", 9) == 0;
    snprintf(request, sizeof request, whole ? "%s" : "{\"query\":%s}", q);
    enum err e = rig_bind(r, d, request);
    ck_assert_msg(e == cases[i].code, "%s: %s (%s)", q, err_wire(e), r->fail.message);
    ck_assert_msg(e == r->fail.code, "%s: returned %s", q, err_wire(r->fail.code));
    ck_assert_msg(strcmp(r->fail.path, cases[i].path) == 0, "%s: at %s", q, r->fail.path);
    ck_assert_msg(r->fail.message[0] != '\0', "%s: no message", q);
    ck_assert_msg(cases[i].hint == NULL || strstr(r->fail.hint, cases[i].hint) != NULL,
                  "%s: hint %s", q, r->fail.hint);
}

START_TEST(request_is_refused_at_the_spot)
{
    struct rig r;
    rig_init(&r, 1 << 16);
    unsigned dialects = cases[_i].dialects == 0 ? ALL : cases[_i].dialects;
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        if ((dialects >> d & 1) != 0) {
            check_case(&r, _i, d);
        }
    }
    ck_assert_uint_eq(compiler_counts(r.compiler).hits, 0);
    rig_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("errors");
    TCase *tc = tcase_create("refused");
    tcase_add_loop_test(tc, request_is_refused_at_the_spot, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
