// The Lua of the Redis store: one script for each operation that reads before it writes, each on the one key of a subject.

/*
 * A subject's sessions are one hash, so that every operation has one key and is atomic, in a cluster too:
 *   i:<id>   what never changes, as JSON that the scripts do not read
 *   t:<id>   what does, words with a space between: hash of the good token, deadline, end, last use, client, address,
 *            hash of the token spent last, when that was, sealed successor; `-` for what is not there
 * The clock is the caller's. The time to live of the key only grows, and a hash without fields is gone by itself.
 */
const shared = `
local function words(text)
  local found = {}
  for word in string.gmatch(text, '%S+') do found[#found + 1] = word end
  return found
end
local function drop(id) return redis.call('HDEL', KEYS[1], 'i:' .. id, 't:' .. id) end
local function live_until(ttl)
  if redis.call('PTTL', KEYS[1]) < tonumber(ttl) then redis.call('PEXPIRE', KEYS[1], ttl) end
end
`;

/** ARGV: id, info, state, now, sessions that the subject may have, ttl. Gives the ids of those that left. */
export const createScript = `${shared}
local now, most = tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('HEXISTS', KEYS[1], 't:' .. ARGV[1]) == 1 then return {} end
local kept, over, all = {}, {}, redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if string.sub(all[at], 1, 2) == 't:' then
    local id, state = string.sub(all[at], 3), words(all[at + 1])
    if now >= tonumber(state[2]) then over[#over + 1] = id
    else kept[#kept + 1] = { id = id, used = tonumber(state[4]) } end
  end
end
table.sort(kept, function(one, other)
  if one.used ~= other.used then return one.used > other.used end
  return one.id < other.id
end)
-- First what a full server refuses.
redis.call('HSET', KEYS[1], 'i:' .. ARGV[1], ARGV[2], 't:' .. ARGV[1], ARGV[3])
live_until(ARGV[6])
local left = {}
for at = most, #kept do
  left[#left + 1] = kept[at].id
  drop(kept[at].id)
end
for _, id in ipairs(over) do drop(id) end
return left
`;

/** ARGV: id, client, presented, next, sealed, now, reuse, deadline, address, ttl. Gives the outcome, and what was sealed. */
export const rotateScript = `${shared}
local id, now = ARGV[1], tonumber(ARGV[6])
local text = redis.call('HGET', KEYS[1], 't:' .. id)
if not text then return { 'unknown' } end
local state = words(text)
if now >= tonumber(state[2]) then
  drop(id)
  return { 'unknown' }
end
if state[5] ~= ARGV[2] then return { 'foreign' } end
if state[1] == ARGV[4] then return { 'rotated' } end
if state[1] ~= ARGV[3] then
  if state[7] == ARGV[3] and state[9] ~= '-' and now < tonumber(state[8]) + tonumber(ARGV[7]) then
    return { 'again', state[9] }
  end
  drop(id)
  return { 'reused' }
end
local deadline = ARGV[8]
if tonumber(state[3]) < tonumber(deadline) then deadline = state[3] end
local address = ARGV[9]
if address == '-' then address = state[6] end
local after = { ARGV[4], deadline, state[3], ARGV[6], state[5], address, ARGV[3], ARGV[6], ARGV[5] }
redis.call('HSET', KEYS[1], 't:' .. id, table.concat(after, ' '))
live_until(ARGV[10])
return { 'rotated' }
`;

/** ARGV: the id of the session that stays, or nothing. Gives the ids of those that ended. */
export const removeAllScript = `${shared}
local left = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local id = string.sub(field, 3)
  if string.sub(field, 1, 2) == 't:' and id ~= ARGV[1] then
    left[#left + 1] = id
    drop(id)
  end
end
return left
`;
