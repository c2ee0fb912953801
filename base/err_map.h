/* SPDX-License-Identifier: MIT
 *
 * base/err_map.h: the one table of errors; include base/err.h.
 */
#ifndef BASE_ERR_MAP_H
#define BASE_ERR_MAP_H

/* X(enum, wire code, class, retry, meaning) */
#define ERR_MAP(X)                                                                             \
    X(OK, "ok", NONE, false, "no error")                                                       \
    /* protocol */                                                                             \
    X(BAD_JSON, "bad_json", PROTOCOL, false, "the line is not one JSON object")                \
    X(BAD_UTF8, "bad_utf8", PROTOCOL, false, "the line is not well-formed UTF-8")              \
    X(TOO_DEEP, "too_deep", PROTOCOL, false, "more brackets inside each other than allowed")   \
    X(DUPLICATE_KEY, "duplicate_key", PROTOCOL, false, "an object has a key twice")            \
    X(LINE_TOO_LONG, "line_too_long", PROTOCOL, false,                                         \
      "a line passes limits.frame; the connection is closed")                                  \
    X(LINE_TIMEOUT, "line_timeout", PROTOCOL, false,                                           \
      "a line did not end within limits.frame_time; the connection is closed")                 \
    X(REQUEST_TOO_LARGE, "request_too_large", PROTOCOL, false,                                 \
      "the request needs more memory than one request may have")                               \
    X(UNKNOWN_KEY, "unknown_key", PROTOCOL, false, "a key that the form does not have")        \
    X(UNKNOWN_OP, "unknown_op", PROTOCOL, false, "`op` is not an operation of this server")    \
    X(BAD_REQUEST, "bad_request", PROTOCOL, false, "a key has a value of the wrong kind")      \
    X(BAD_VERSION, "bad_version", PROTOCOL, false, "a protocol version we do not speak")       \
    X(DUPLICATE_ID, "duplicate_id", PROTOCOL, false, "a request with this id is in flight")    \
    X(UNKNOWN_REQUEST, "unknown_request", PROTOCOL, false, "no request in flight has this id") \
    /* compile */                                                                              \
    X(UNKNOWN_DATABASE, "unknown_database", COMPILE, false, "no database of this name")        \
    X(UNKNOWN_STATEMENT, "unknown_statement", COMPILE, false,                                  \
      "no prepared statement of this name")                                                    \
    X(UNKNOWN_TABLE, "unknown_table", COMPILE, false, "no table or view of this name")         \
    X(UNKNOWN_COLUMN, "unknown_column", COMPILE, false, "no column of this name in sight")     \
    X(UNKNOWN_OPERATOR, "unknown_operator", COMPILE, false,                                    \
      "no operator or function of this name")                                                  \
    X(UNKNOWN_TYPE, "unknown_type", COMPILE, false, "no type of this name")                    \
    X(AMBIGUOUS_COLUMN, "ambiguous_column", COMPILE, false,                                    \
      "several tables have a column of this name")                                             \
    X(AMBIGUOUS_TABLE, "ambiguous_table", COMPILE, false,                                      \
      "several schemas have a table of this name, or an alias is used twice")                  \
    X(AMBIGUOUS_JOIN, "ambiguous_join", COMPILE, false,                                        \
      "`on` is left out and not exactly one foreign key connects the sides")                   \
    X(CARTESIAN_PRODUCT, "cartesian_product", COMPILE, false,                                  \
      "nothing connects two tables of the statement")                                          \
    X(DUPLICATE_NAME, "duplicate_name", COMPILE, false,                                        \
      "a name is given twice where names must differ")                                         \
    X(BAD_QUERY, "bad_query", COMPILE, false, "the statement has a form that is not ours")     \
    X(BAD_ARITY, "bad_arity", COMPILE, false, "a wrong number of arguments")                   \
    X(TYPE_MISMATCH, "type_mismatch", COMPILE, false,                                          \
      "an argument of a type that the operator does not take")                                 \
    X(EMPTY_LIST, "empty_list", COMPILE, false, "a list that must have members is empty")      \
    X(MISSING_WHERE, "missing_where", COMPILE, false, "update or delete without `where`")      \
    X(MISSING_PARAM, "missing_param", COMPILE, false, "the statement names a param not given") \
    X(UNUSED_PARAM, "unused_param", COMPILE, false, "a param that the statement never names")  \
    X(TOO_MANY_PARAMS, "too_many_params", COMPILE, false, "more params than limits.params")    \
    X(QUERY_TOO_LARGE, "query_too_large", COMPILE, false, "the SQL text passes its limit")     \
    /* integrity */                                                                            \
    X(UNIQUE_VIOLATION, "unique_violation", INTEGRITY, false, "a row with this key exists")    \
    X(FOREIGN_KEY_VIOLATION, "foreign_key_violation", INTEGRITY, false,                        \
      "a row that is referred to is missing, or is still referred to")                         \
    X(NOT_NULL_VIOLATION, "not_null_violation", INTEGRITY, false,                              \
      "null for a column that takes none")                                                     \
    X(CHECK_VIOLATION, "check_violation", INTEGRITY, false, "a check constraint failed")       \
    X(EXCLUSION_VIOLATION, "exclusion_violation", INTEGRITY, false,                            \
      "an exclusion constraint failed")                                                        \
    X(INTEGRITY_VIOLATION, "integrity_violation", INTEGRITY, false,                            \
      "another constraint failed")                                                             \
    /* data */                                                                                 \
    X(BAD_VALUE, "bad_value", DATA, false, "a value that its type cannot hold")                \
    X(OUT_OF_RANGE, "out_of_range", DATA, false, "a number beyond the range of its type")      \
    X(TOO_LONG, "too_long", DATA, false, "a text longer than its column")                      \
    X(DIVISION_BY_ZERO, "division_by_zero", DATA, false, "a division by zero")                 \
    X(BAD_STORED_VALUE, "bad_stored_value", DATA, false,                                       \
      "a stored value does not fit the declared type of its column")                           \
    X(NO_RESULT, "no_result", DATA, false, "`expect` wanted a row and there is none")          \
    X(MULTIPLE_RESULTS, "multiple_results", DATA, false,                                       \
      "`expect` wanted one row and there are more")                                            \
    X(DATA_ERROR, "data_error", DATA, false, "the database refused a value")                   \
    /* conflict */                                                                             \
    X(SERIALIZATION_FAILURE, "serialization_failure", CONFLICT, true,                          \
      "transactions ran against each other; begin again")                                      \
    X(DEADLOCK, "deadlock", CONFLICT, true, "a deadlock was broken by ending this one")        \
    X(LOCK_TIMEOUT, "lock_timeout", CONFLICT, true, "a lock was not had in time")              \
    X(CATALOG_CHANGED, "catalog_changed", CONFLICT, true,                                      \
      "the schema changed while the request was under way")                                    \
    X(TX_EXISTS, "tx_exists", CONFLICT, false,                                                 \
      "a transaction of this handle is open on the connection")                                \
    X(UNKNOWN_TX, "unknown_tx", CONFLICT, false,                                               \
      "no transaction of this handle is open on the connection")                               \
    X(TX_ABORTED, "tx_aborted", CONFLICT, false,                                               \
      "an earlier request of the transaction failed; it can only be rolled back")              \
    X(UNKNOWN_SAVEPOINT, "unknown_savepoint", CONFLICT, false,                                 \
      "the transaction has no savepoint of this name")                                         \
    X(READ_ONLY, "read_only", CONFLICT, false,                                                 \
      "a write in a transaction, or on a database, that only reads")                           \
    /* cancelled, timeout */                                                                   \
    X(CANCELLED, "cancelled", CANCELLED, false, "cancelled by the client or by shutdown")      \
    X(TIMEOUT, "timeout", TIMEOUT, false, "the request's time was over")                       \
    X(POOL_TIMEOUT, "pool_timeout", TIMEOUT, true, "no database connection came free in time") \
    X(TX_TIMEOUT, "tx_timeout", TIMEOUT, true,                                                 \
      "the transaction was idle or open for too long and was rolled back")                     \
    /* overload */                                                                             \
    X(OVERLOAD, "overload", OVERLOAD, true, "too much is waiting already")                     \
    X(TOO_MANY_CLIENTS, "too_many_clients", OVERLOAD, true, "limits.clients is reached")       \
    X(TOO_MANY_ROWS, "too_many_rows", OVERLOAD, false,                                         \
      "the answer passes limits.rows; stream it or give a limit")                              \
    X(REPLY_TOO_LARGE, "reply_too_large", OVERLOAD, false,                                     \
      "the answer passes limits.reply; stream it or give a limit")                             \
    X(SLOW_READER, "slow_reader", OVERLOAD, false,                                             \
      "the client stopped reading while others waited for its database connection")            \
    X(OUT_OF_MEMORY, "out_of_memory", OVERLOAD, true, "the memory limit is reached")           \
    /* connection */                                                                           \
    X(CONNECTION_FAILED, "connection_failed", CONNECTION, true,                                \
      "the database cannot be reached or refuses us")                                          \
    X(CONNECTION_LOST, "connection_lost", CONNECTION, true,                                    \
      "the database connection broke; a read may be sent again")                               \
    X(COMMIT_UNKNOWN, "commit_unknown", CONNECTION, false,                                     \
      "the connection broke while a write was under way; it may or may not have happened")     \
    X(SHUTTING_DOWN, "shutting_down", CONNECTION, true, "the server is stopping")              \
    X(DRAINED, "drained", CONNECTION, true,                                                    \
      "the database was drained by an administrator and takes no requests")                    \
    X(TWO_PRIMARIES, "two_primaries", CONNECTION, true,                                        \
      "several servers of the database say that they take writes; none is sent")               \
    /* unsupported, internal */                                                                \
    X(FORBIDDEN, "forbidden", PERMISSION, false, "the conf does not allow this")               \
    X(UNSUPPORTED_FEATURE, "unsupported_feature", UNSUPPORTED, false,                          \
      "this database cannot do it exactly")                                                    \
    X(DATABASE_ERROR, "database_error", INTERNAL, false,                                       \
      "the database refused the statement for another reason")                                 \
    X(INTERNAL, "internal", INTERNAL, false, "a fault of this server; please report it")

#endif
