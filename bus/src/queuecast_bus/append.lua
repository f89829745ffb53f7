-- Append records to the stream in one atomic step, each at most once.
--
-- KEYS   1 stream · 2 tail (the offset of the newest record) · 3 this writer's series and number of steps · 4 the
--        offset of the newest record that tells of a rewind · 5… one dedup key per record; for a record with no
--        dedup id, the tail's key stands in its place · then the hashes of rooms that keep the newest record of a key
-- ARGV   1 longest stream, records · 2 oldest record, ms · 3 dedup window, ms
--        4 the series and 5 the number of this writer's newest confirmed step, "" and 0 for none · 6 the offset of
--        its last record · 7 how long ago that was confirmed, ms · 8 how the name of a series begins that follows
--        that step, if it is missing · 9 the number of hashes
--        10 1 to store nothing if any dedup id is known, else 0
--        then for each record: the number of its fields and values, followed by them; 0 for no record, which
--        checks that one could be stored
--        then for each hash: the place of its record among these, the key, and what is kept ("" for nothing)
--        at the end, if there are hashes, how long one is kept after its last change, ms
-- Answer the series and the number of this step, 1 if confirmed steps are missing, else 0, and the time of this
--        server's clock, ms; then for each record in turn its offset, and 1 if it was stored before, else 0. If
--        nothing was stored because a dedup id is known, the offset of a record whose id is not is empty
--
-- Every record links to the one before it (field "p"), so that a reader knows whether it missed any, with any
-- server version and after any trim, restart or failover. What no reader had read may be lost all the same: its
-- writer finds here that fewer of its steps are known than were confirmed, because another server took over or
-- this one lost data. So a record (fields "p", "r", "q") tells every reader, and a new series of steps begins, so
-- that a step which the old server confirms after that is missing here too. Steps that were under way together
-- miss the same one: the first of them tells, and the others go on in its series, whether or not its answer came.

local STEPS_MS = 86400000  -- how long a writer's steps are kept after its last one
local MOST_KEYS = 1000  -- of how many keys a room keeps the newest record
local stream, tail, writer, told = unpack(KEYS, 1, 4)
local max_length, max_age_ms, window_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local confirmed_series, confirmed, confirmed_offset, quiet_ms, new_series =
  ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), ARGV[8]
local before = redis.call('GET', tail) or '0-0'
local hashes = tonumber(ARGV[9])
local only_new = ARGV[10] == '1'
local newest, cursor = before, 11
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)

local function add(...)
  -- A stream that was removed begins again after all offsets of this millisecond, and later with each microsecond:
  -- an offset that is used twice is read once, and the second record would be missed by nobody.
  local offset = redis.call('XADD', stream, 'NOMKSTREAM', 'MAXLEN', '~', max_length, '*', ...)
  if offset then return offset end
  local first_ms = math.max(now_ms, tonumber(string.match(newest, '^%d+'))) + 1
  return redis.call('XADD', stream, string.format('%.0f-%.0f', first_ms, now[2] % 1000), ...)
end

local function is_told()
  -- Another writer may have told of it since this one's last record: only durations by one clock are compared.
  local offset = redis.call('GET', told)
  if not offset then return false end
  local age_ms = now_ms - tonumber(string.match(offset, '^%d+'))
  return age_ms >= 0 and age_ms < quiet_ms
end

local series, steps = string.match(redis.call('GET', writer) or '', '^(%w+) (%d+)$')
local is_rewound = confirmed > 0 and (series ~= confirmed_series or tonumber(steps) < confirmed)
local is_followed = series and string.sub(series, 1, #new_series) == new_series
local begins = not is_followed and (is_rewound or not series)
if begins and is_rewound and not is_told() then
  newest = add('p', newest, 'r', confirmed_offset, 'q', ARGV[7])
  redis.call('SET', told, newest, 'PX', STEPS_MS)
end
if begins then
  -- Two servers may each begin one that follows the same step: the time tells them apart.
  series, steps = string.format('%sx%.0f', new_series, now[1] * 1000000 + now[2]), 0
end
steps = tonumber(steps) + 1
redis.call('SET', writer, string.format('%s %.0f', series, steps), 'PX', STEPS_MS)
local answer = {series, steps, is_rewound and 1 or 0, now_ms}
local head = #answer

local function known_before()
  -- The ids of records that are stored already are remembered for longer, as if they had come again.
  local found, is_any = {}, false
  for index = 5, #KEYS - hashes do
    local known = KEYS[index] ~= tail and redis.call('GET', KEYS[index])
    if known then redis.call('PEXPIRE', KEYS[index], window_ms) end
    is_any = is_any or known
    found[#found + 1] = known or ''
    found[#found + 1] = known and 1 or 0
  end
  return is_any and found
end

local found = only_new and known_before()
if found then
  for index = 1, #found do answer[head + index] = found[index] end
  return answer
end

for index = 5, #KEYS - hashes do
  local seen = KEYS[index]
  local length = tonumber(ARGV[cursor])
  local known = seen ~= tail and redis.call('GET', seen)
  if length == 0 then
    -- An id that no stream takes: only whether the user may, and the server can, is of interest.
    local tried = redis.pcall('XADD', stream, 'NOMKSTREAM', '0-1', 'p', newest)
    if type(tried) == 'table' and tried.err and not string.find(tostring(tried.err), 'equal or smaller', 1, true) then
      return tried
    end
  elseif known then
    -- The message may come back once more: its id is remembered for as long as it does.
    redis.call('PEXPIRE', seen, window_ms)
    answer[#answer + 1] = known
    answer[#answer + 1] = 1
  else
    newest = add('p', newest, unpack(ARGV, cursor + 1, cursor + length))
    if seen ~= tail then
      redis.call('SET', seen, newest, 'PX', window_ms)
    end
    answer[#answer + 1] = newest
    answer[#answer + 1] = 0
  end
  cursor = cursor + 1 + length
end

local function keep_newest(hash)
  -- A look at all of them costs a millisecond: not at each new key, but at one in eight.
  if redis.call('HLEN', hash) <= MOST_KEYS * 9 / 8 then return end
  local all, offsets = redis.call('HGETALL', hash), {}
  for at = 1, #all, 2 do
    local ms, sequence = string.match(all[at + 1], '^(%d+)-(%d+) ')
    offsets[#offsets + 1] = {tonumber(ms), tonumber(sequence), all[at]}
  end
  table.sort(offsets, function(one, two) return one[1] < two[1] or (one[1] == two[1] and one[2] < two[2]) end)
  for at = 1, #offsets - MOST_KEYS do redis.call('HDEL', hash, offsets[at][3]) end
end

for index = #KEYS - hashes + 1, #KEYS do
  local hash, place, key, kept = KEYS[index], tonumber(ARGV[cursor]), ARGV[cursor + 1], ARGV[cursor + 2]
  cursor = cursor + 3
  if answer[head + 2 * place] == 0 then
    if kept == '' then
      redis.call('HDEL', hash, key)
    else
      redis.call('HSET', hash, key, answer[head + 2 * place - 1] .. ' ' .. kept)
      redis.call('PEXPIRE', hash, ARGV[#ARGV])
      keep_newest(hash)
    end
  end
end

if newest ~= before then
  redis.call('SET', tail, newest)
  local oldest_ms = tonumber(string.match(newest, '^%d+')) - max_age_ms
  redis.call('XTRIM', stream, 'MINID', '~', string.format('%.0f-0', math.max(oldest_ms, 0)))
end
return answer
