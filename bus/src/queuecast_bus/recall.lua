-- Return the fields of the entries at some offsets, in their order; an empty list for one that is gone.
--
-- KEYS   1 the stream
-- ARGV   offsets

local found = {}
for index, offset in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[1], offset, offset)[1]
  found[index] = entry and entry[2] or {}
end
return found
