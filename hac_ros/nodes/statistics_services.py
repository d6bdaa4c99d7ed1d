"""What may be asked of the running statistics while a run goes on."""
from hac_ros import topics
from hac_ros.learning import running_statistics, statistics_file


class StatisticsServices:
    """Freeze, save, load and reset, for the normalizer. Each change holds from the next version on, and is journaled.

    ``change(frozen, moments)``: the normalizer's method that enters a change and returns the version from which on it
    holds. Raises OSError, and has changed nothing, if it cannot be written.
    """

    def __init__(self, node, run: str, path, change):
        self._node, self._path, self._change = node, path, change
        for service, answer in ((topics.FREEZE, self._freeze), (topics.SAVE, self._save), (topics.LOAD, self._load),
                                (topics.RESET_STATISTICS, self._reset)):
            node.create_service(service.type, service.path(run), self._answering(service, answer))

    def _answering(self, service, answer):
        def on_request(request, response):
            try:
                response.message, response.success = answer(request), True
            except (ValueError, OSError) as error:
                response.message, response.success = str(error), False
            self._node.get_logger().info(f'{service.path("")[2:]}: {response.message}')
            return response
        return on_request

    def _freeze(self, request) -> str:
        version = self._change(frozen=request.data)
        return f'statistics {"stay as they are" if request.data else "go on with all that has come"} from version {version} on'

    def _save(self, _) -> str:
        newest = self._node.newest
        digest = statistics_file.write(self._path, newest)
        return f'statistics {newest.version} ({newest.moments.count} samples, digest {digest[:12]}) are in {self._path}'

    def _load(self, _) -> str:
        moments = statistics_file.read(self._path, self._node.space)
        version = self._change(moments=moments)
        return f'statistics go on from {moments.count} samples of {self._path} from version {version} on'

    def _reset(self, _) -> str:
        version = self._change(moments=running_statistics.empty(self._node.space.size))
        return f'statistics begin at count 0 with version {version}'
