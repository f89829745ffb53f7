-- Return the newest records of the keys of a room, the newest first.
--
-- KEYS   1 tail (the offset of the newest record) · 2 the hash of the room
-- ARGV   1 the most records and 2 the most bytes that are wanted · 3 the age of the oldest, as an offset's ms
-- Returns tail, 1 if there are more than were wanted, else 0, then for each record its key and what is kept of it

local all, found = redis.call('HGETALL', KEYS[2]), {}
for at = 1, #all, 2 do
  local ms, sequence = string.match(all[at + 1], '^(%d+)-(%d+) ')
  if tonumber(ms) >= tonumber(ARGV[3]) then found[#found + 1] = {tonumber(ms), tonumber(sequence), at} end
end
table.sort(found, function(one, two) return one[1] > two[1] or (one[1] == two[1] and one[2] > two[2]) end)
local answer, left = {redis.call('GET', KEYS[1]) or '0-0', 0}, tonumber(ARGV[2])
for index, each in ipairs(found) do
  local key, kept = all[each[3]], all[each[3] + 1]
  left = left - #kept
  if index > tonumber(ARGV[1]) or left < 0 then
    answer[2] = 1
    break
  end
  answer[#answer + 1] = key
  answer[#answer + 1] = kept
end
return answer
