// The Lua scripts that change a deny-list in a store: each in one step, with its number, and told to every gateway.

/** Entries that have ended stay for so long, for gateways whose clock is behind. */
const graceSeconds = 3600;

// An entry is a field of one hash, `until:issuedBefore`; the sorted set beside it orders them by their end. Two more fields
// of the hash say which list this is and how often it was changed, so that they cannot be lost apart from the entries.

/**
 * Adds entries, or none when there is no room: `entries ends | channel epoch max (field until issuedBefore)…` → 1, or 0 where
 * the list is full. An entry that is there holds until the later of both moments.
 */
export const addScript = `
local now = tonumber(redis.call('TIME')[1])
local function purge(moment)
  local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', moment, 'LIMIT', 0, 1000)
  if #old > 0 then
    redis.call('ZREM', KEYS[2], unpack(old))
    redis.call('HDEL', KEYS[1], unpack(old))
  end
  return #old == 1000
end
purge(now - ${graceSeconds})
redis.call('HSETNX', KEYS[1], '@epoch', ARGV[2])
redis.call('HINCRBY', KEYS[1], '@version', 0)
local function over()
  local fresh = 0
  for i = 4, #ARGV, 3 do
    fresh = fresh + 1 - redis.call('HEXISTS', KEYS[1], ARGV[i])
  end
  return fresh > 0 and redis.call('HLEN', KEYS[1]) - 2 + fresh > tonumber(ARGV[3])
end
while over() do
  if not purge(now - ${graceSeconds / 10}) then break end
end
if over() then return 0 end
local added = {}
for i = 4, #ARGV, 3 do
  local ends, before = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local there = redis.call('HGET', KEYS[1], ARGV[i])
  if there then
    local e, b = string.match(there, '^(%d+):(%d+)$')
    ends, before = math.max(ends, tonumber(e or 0)), math.max(before, tonumber(b or 0))
  end
  redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f:%.0f', ends, before))
  redis.call('ZADD', KEYS[2], ends, ARGV[i])
  added[#added + 1] = { ARGV[i], ends, before }
end
local version = redis.call('HINCRBY', KEYS[1], '@version', 1)
local epoch = redis.call('HGET', KEYS[1], '@epoch')
redis.call('PUBLISH', ARGV[1], cjson.encode({ epoch = epoch, version = version, add = added }))
return 1
`;

/** Takes entries out: `entries ends | channel epoch field…`. */
export const removeScript = `
redis.call('HSETNX', KEYS[1], '@epoch', ARGV[2])
local removed = {}
for i = 3, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
  removed[#removed + 1] = ARGV[i]
end
local version = redis.call('HINCRBY', KEYS[1], '@version', 1)
local epoch = redis.call('HGET', KEYS[1], '@epoch')
redis.call('PUBLISH', ARGV[1], cjson.encode({ epoch = epoch, version = version, remove = removed }))
return 1
`;
