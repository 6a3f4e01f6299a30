package standby

// RedisAccount is the account by which Caravan asks a Redis, and moves it, where one is made for it. No service is called so: theirs have no underscore.
const RedisAccount = "caravan_admin"

// RedisRights is what that account may do, as ACL SETUSER takes it: ask how an instance is, and what a move takes. It reads and writes no keys; flushall is for the
// target of a move that is taken back before the cut.
const RedisRights = "-@all +ping +info +multi +exec +replicaof +flushall +config|get +config|set +config|rewrite +client|id +client|pause +client|unpause +client|kill +acl|whoami +acl|users +acl|dryrun"
