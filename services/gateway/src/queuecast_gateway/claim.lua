-- Take a session over: from now on it is this replica's.
--
-- KEYS   1 the session · 2 tail (the offset of the newest record) · 3 the newest offset that may be lost
-- ARGV   1 this replica · 2 how long it may come back after its connection's end, ms · 3 the namespace it is in
--        4 whose it is
-- Answer sid, namespace, rooms (JSON), offset at its first connect, replica that had it, tail, lost up to, and the
--        how manieth claim this is; nothing if there is no such session of that subject there

local found = redis.call('HMGET', KEYS[1], 'sid', 'namespace', 'rooms', 'offset', 'replica',
                         'subject')
if found[2] ~= ARGV[3] or (found[6] or '') ~= ARGV[4] then return false end
redis.call('HSET', KEYS[1], 'replica', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
found[8] = redis.call('HINCRBY', KEYS[1], 'claims', 1)
found[6] = redis.call('GET', KEYS[2]) or '0-0'
found[7] = redis.call('GET', KEYS[3]) or '0-0'
return found
