"""A page in the browser that shows what RViz shows, with the state and the metrics of the run."""
import numpy as np

from hac_ros import markers, messages, tasks, topics
from hac_ros.config import PageConfig, RunConfig
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.page_panel import PagePanel
from hac_ros.nodes.page_scene import PageScene
from hac_ros.nodes.page_server import PageServer
from hac_ros.parameters import declare

from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

PERIOD = 0.1           # [s] from one look at the page to the next
NO_STATE = 'No state has come yet: does the run train? Is `marker_publisher` there?'


class BrowserView(Node):
    """markers, metrics, status -> a page; pause. Subscribes to nothing while no browser shows the page."""

    def __init__(self, **node_options):
        super().__init__('browser_view', **node_options)
        self.config = declare(self, RunConfig)
        self.page = declare(self, PageConfig, 'page')
        self.server = PageServer(self.page.host, self.page.port)
        self.health = Health(self, self.config.run)
        self.scene = PageScene(self.server.scene)
        self.panel = PagePanel(self.server.gui, self.config.run, self.config.worker, self.config.arms)
        self.open: list = []           # subscriptions, while somebody looks
        self._furnish()
        run, worker = self.config.run, self.config.worker
        self.pause = self.create_client(SetBool, topics.PAUSE.path(run, worker))
        self.parameters = self.create_client(SetParameters, f'/{run}/worker_{worker}/marker_publisher/set_parameters')
        self.timer = self.create_timer(PERIOD, self.on_timer)

    def _furnish(self) -> None:
        """Set what no marker tells: floor, light, and where the camera starts."""
        workspace = tasks.by_name(self.config.task, self.config.control).workspace
        low, high = workspace.low, workspace.high
        x, y = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
        scene, camera = self.server.scene, self.server.initial_camera
        scene.set_up_direction('+z')
        scene.add_grid('/floor', infinite_grid=True, cell_size=0.5, cell_color=(222, 224, 228),
                       section_color=(196, 200, 206), fade_distance=9.0)
        scene.configure_environment_map(None)      # light enough by itself, and no picture to be sent
        scene.configure_default_lights(True)
        scene.add_light_hemisphere('/light', sky_color=(255, 255, 255), ground_color=(200, 200, 200), intensity=1.6)
        # Near and narrow: subgoals are 4 cm wide. Looks past the middle, since the panel covers the right of the page.
        camera.fov = np.radians(42.0)
        camera.position, camera.look_at = (x + 0.95, y - 0.80, 1.05), (x + 0.20, y + 0.13, 0.55)

    def on_timer(self):
        """Watch while somebody looks; do what was chosen."""
        if bool(self.server.get_clients()) != bool(self.open):
            self.rest() if self.open else self.watch()
        self.scene.expire()
        if not self.scene.drawn:
            self.panel.say(NO_STATE)
        while not self.panel.wishes.empty():
            self.grant(*self.panel.wishes.get())
        while not self.server.refusals.empty():
            self.health.refuse('request to the page refused', self.server.refusals.get())
        self.panel.refresh()

    def watch(self) -> None:
        """Subscribe: somebody looks."""
        run, worker = self.config.run, self.config.worker
        wanted = ((topics.MARKERS, self.on_markers), (topics.METRICS, self.on_metrics), (topics.STATUS, self.on_status))
        self.open = [topics.subscribe(self, topic, callback, run, worker) for topic, callback in wanted]

    def rest(self) -> None:
        """End the subscriptions: nobody looks any more."""
        for subscription in self.open:
            self.destroy_subscription(subscription)
        self.open = []
        self.scene.clear()

    def on_markers(self, msg):
        """Draw a scene, at once for the eye; say beside it what it says of a single arm."""
        with self.server.atomic():
            self.scene.show(msg)
            texts = [marker for marker in msg.markers if marker.text]
            single = len(texts) == 1
            self.panel.say('  \n'.join(texts[0].text.splitlines()) if single else f'{len(texts)} arms')
            self.panel.show_arm(texts[0].id if single else markers.ALL)
            if texts:
                self.panel.see(messages.seconds(texts[0].header.stamp))

    def on_metrics(self, msg):
        """Show what a source measured."""
        if msg.run != self.config.run:
            return
        try:
            self.panel.add_metrics(msg.round, messages.to_metrics(msg))
        except ValueError as error:
            self.health.refuse('metrics refused', error)

    def on_status(self, msg):
        """Show how far the run is."""
        if msg.run == self.config.run:
            self.panel.show_status(msg)

    def grant(self, what: str, value) -> None:
        """Do what the user chose."""
        if what == 'level':
            self.scene.hide(self.panel.hidden())
            self.panel.show_metrics()
        elif what == 'pause':
            self.call(self.pause, SetBool.Request(data=value), lambda answer: self.panel.show_paused(value)
                      if answer.success else self.refuse(answer.message))
        elif what == 'arm':
            chosen = Parameter('view.arm', value=value).to_parameter_msg()
            self.call(self.parameters, SetParameters.Request(parameters=[chosen]),
                      lambda answer: answer.results[0].successful or self.refuse(answer.results[0].reason))

    def call(self, client, request, then) -> None:
        """Call a service if it is there, and ``then`` with its answer."""
        if not client.service_is_ready():
            self.refuse(f'service {client.srv_name} is not there')
            return
        client.call_async(request).add_done_callback(lambda future: then(future.result()))

    def refuse(self, why: str) -> None:
        """Tell whoever looks, and diagnostics, that what was chosen is not done."""
        self.health.refuse('wish not granted', why)
        self.panel.refuse(f'Not done: {why}')

    def close(self) -> None:
        """End the page."""
        self.server.stop()


def main(argv=None):
    """Run the node."""
    return process.run(BrowserView, argv)
