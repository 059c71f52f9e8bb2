"""The same ground for every request: what a prepared database holds is noted, compared, and put back."""

import psycopg

# What requests may write although they were refused: counters of attempts, and when a browser was last seen.
COUNTERS = {"page_sessions", "sign_in_sessions", "sign_in_throttles", "request_limits"}

FUNCTIONS = """
CREATE SCHEMA IF NOT EXISTS ground;

CREATE OR REPLACE FUNCTION ground.names() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT tablename::text FROM pg_tables
  WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1
$$;

CREATE OR REPLACE FUNCTION ground.prints() RETURNS TABLE (name text, print text) LANGUAGE plpgsql AS $$
BEGIN
  FOR name IN SELECT * FROM ground.names() LOOP
    EXECUTE format('SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '''')) FROM public.%I t', name)
      INTO print;
    RETURN NEXT;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION ground.keep() RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
  FOR name IN SELECT * FROM ground.names() LOOP
    EXECUTE format('DROP TABLE IF EXISTS ground.%I', 'kept_' || name);
    EXECUTE format('CREATE TABLE ground.%I AS TABLE public.%I', 'kept_' || name, name);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION ground.put_back(changed text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text; columns text;
BEGIN
  -- Neither keys nor triggers have a say: what is put back was consistent when it was kept.
  SET LOCAL session_replication_role = replica;
  FOREACH name IN ARRAY changed LOOP
    SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) INTO columns
      FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name = name AND is_generated = 'NEVER';
    EXECUTE format('DELETE FROM public.%I', name);
    EXECUTE format('INSERT INTO public.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM ground.%3$I',
                   name, columns, 'kept_' || name);
  END LOOP;
END $$;
"""


class Ground:
    """A connection of its own beside the application's."""

    def __init__(self, url):
        self.url = url
        self.connection = None
        self.kept = {}

    async def __aenter__(self):
        self.connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        return self

    async def __aexit__(self, *_):
        await self.connection.close()

    async def clear(self, statement):
        """Run what empties the tables; those that refuse it have no say."""
        await self.connection.execute("SET session_replication_role = replica")
        await self.connection.execute(statement)
        await self.connection.execute("RESET session_replication_role")

    async def keep(self):
        """What the tables hold now is what `put_back` brings back."""
        await self.connection.execute(FUNCTIONS)
        await self.connection.execute("SELECT ground.keep()")
        self.kept = await self._prints()

    async def _prints(self):
        return dict(await (await self.connection.execute("SELECT * FROM ground.prints()")).fetchall())

    async def changed(self):
        """The tables that hold something else than what was kept."""
        found = await self._prints()
        return {name for name in found.keys() | self.kept.keys() if found.get(name) != self.kept.get(name)}

    async def put_back(self):
        """Every table holds again what was kept; gives the names of those that did not."""
        changed = await self.changed()
        if changed:
            await self.connection.execute("SELECT ground.put_back(%s)", [sorted(changed)])
        return changed
